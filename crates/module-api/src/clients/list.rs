//! CLIENT LIST: what the server tells of its clients, a line each.

use crate::Ctx;

/// The lines of all clients; empty if the server does not tell, with CLIENT renamed away for example.
pub fn of_all(ctx: Ctx<'_>) -> String {
    ask(ctx, &[b"LIST"])
}

/// The lines of those of these clients that are there.
pub fn of(ctx: Ctx<'_>, ids: &[u64]) -> String {
    if ids.is_empty() {
        return String::new();
    }
    let ids: Vec<String> = ids.iter().map(u64::to_string).collect();
    let words: [&[u8]; 2] = [b"LIST", b"ID"];
    let args: Vec<&[u8]> = words
        .into_iter()
        .chain(ids.iter().map(String::as_bytes))
        .collect();
    ask(ctx, &args)
}

fn ask(ctx: Ctx<'_>, args: &[&[u8]]) -> String {
    let reply = ctx.call(c"CLIENT", "", args);
    reply.map_or_else(String::new, |reply| {
        String::from_utf8_lossy(reply.whole().bytes()).into_owned()
    })
}

/// What a line has under a name.
pub fn field<'l>(line: &'l str, name: &str) -> Option<&'l str> {
    line.split(' ')
        .find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
}
