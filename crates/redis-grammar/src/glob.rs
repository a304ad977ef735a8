//! Glob patterns, matched exactly as the server does.

/// True if `text` matches `pattern`.
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    // Where a mismatch continues: the pattern after the last star, and the text one byte further than at the last try. It is
    // enough to go back to the last star: a try from an earlier one can't match anything more.
    let mut retry: Option<(&[u8], &[u8])> = None;
    let (mut pattern, mut text) = (pattern, text);
    loop {
        if let [b'*', rest @ ..] = pattern {
            retry = Some((rest, text));
            pattern = rest;
            continue;
        }
        match (step(pattern, text), text) {
            (Some(rest), [_, further @ ..]) => (pattern, text) = (rest, further),
            _ if pattern.is_empty() && text.is_empty() => return true,
            _ => {
                let Some((behind, [_, further @ ..])) = retry else {
                    return false;
                };
                retry = Some((behind, further));
                (pattern, text) = (behind, further);
            }
        }
    }
}

/// Matches one element of the pattern, other than a star, with one byte. Returns the rest of the pattern.
fn step<'p>(pattern: &'p [u8], text: &[u8]) -> Option<&'p [u8]> {
    let &byte = text.first()?;
    match pattern {
        [b'?', rest @ ..] => Some(rest),
        [b'[', rest @ ..] => class(rest, byte),
        [b'\\', literal, rest @ ..] | [literal, rest @ ..] => (*literal == byte).then_some(rest),
        [] => None,
    }
}

/// Matches a class, without its opening bracket. A class that is never closed ends with the pattern.
fn class(mut pattern: &[u8], byte: u8) -> Option<&[u8]> {
    let negated = pattern.first() == Some(&b'^');
    if let (true, [_, rest @ ..]) = (negated, pattern) {
        pattern = rest;
    }
    let mut found = false;
    loop {
        pattern = match pattern {
            [] => break,
            [b']', rest @ ..] => {
                pattern = rest;
                break;
            }
            [b'\\', literal, rest @ ..] => {
                found |= *literal == byte;
                rest
            }
            [from, b'-', to, rest @ ..] => {
                found |= (*from.min(to)..=*from.max(to)).contains(&byte);
                rest
            }
            [literal, rest @ ..] => {
                found |= *literal == byte;
                rest
            }
        };
    }
    (found != negated).then_some(pattern)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_match_as_in_the_server() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c*d", "acxcd", true),
            ("a?c", "ac", false),
            ("[a-c]x", "bx", true),
            ("[c-a]x", "bx", true),
            ("[^a]x", "ax", false),
            ("[^a]x", "bx", true),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("[\\]]", "]", true),
            ("[ab", "b", true),
            ("", "", true),
            ("", "a", false),
            ("a", "", false),
            ("a**", "a", true),
        ] {
            assert_eq!(
                matches(pattern.as_bytes(), text.as_bytes()),
                expected,
                "{pattern} on {text}"
            );
        }
    }
}
