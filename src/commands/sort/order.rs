//! The order in which SORT sorts elements.

use std::cmp::Ordering;

use module_api::c_text::{CText, collate, double};

use crate::acks::reply::{Reply, Unchanged};
use crate::settings::server_version::{Version, is_valkey_since};

const NOT_A_DOUBLE: Unchanged = Unchanged(Reply::error(
    c"ERR One or more scores can't be converted into double",
));

/// The first Valkey that does not take an empty text for zero.
const NOTHING_IS_NO_NUMBER_SINCE: Version = (9, 1);

/// The comparison of elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// By the number that the element is, or that its BY key contains.
    Numbers,
    /// As text, in the order of the server's locale.
    Collated,
    /// By bytes: a stored result must not depend on a locale.
    Bytes,
}

/// The value by which an element is sorted.
#[derive(Debug)]
enum Weight {
    Number(f64),
    /// `None` for a missing key.
    Text(Option<CText>),
    Bytes(Option<Vec<u8>>),
}

impl Weight {
    fn of(order: Order, by: Option<&[u8]>) -> Result<Self, Unchanged> {
        Ok(match order {
            Order::Numbers
                if by.is_some_and(<[u8]>::is_empty) && is_valkey_since(NOTHING_IS_NO_NUMBER_SINCE) =>
            {
                return Err(NOT_A_DOUBLE);
            }
            // A missing key counts as zero.
            Order::Numbers => Self::Number(by.map_or(Some(0.0), double).ok_or(NOT_A_DOUBLE)?),
            Order::Collated => Self::Text(by.map(CText::new)),
            Order::Bytes => Self::Bytes(by.map(<[u8]>::to_vec)),
        })
    }

    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(one), Self::Number(two)) => one.partial_cmp(two).unwrap_or(Ordering::Equal),
            (Self::Text(Some(one)), Self::Text(Some(two))) => collate(one, two),
            (Self::Text(one), Self::Text(two)) => one.is_some().cmp(&two.is_some()),
            (Self::Bytes(one), Self::Bytes(two)) => one.cmp(two),
            _ => Ordering::Equal,
        }
    }
}

/// Sorts elements by the values that `by` finds for them.
pub(super) fn sort(
    elements: Vec<Vec<u8>>,
    order: Order,
    desc: bool,
    by: impl Fn(&[u8]) -> Option<Vec<u8>>,
) -> Result<Vec<Vec<u8>>, Unchanged> {
    let weigh = |element: Vec<u8>| {
        let weight = Weight::of(order, by(&element).as_deref())?;
        Ok((weight, element))
    };
    let mut rows = elements
        .into_iter()
        .map(weigh)
        .collect::<Result<Vec<_>, Unchanged>>()?;
    rows.sort_by(|(one, element), (two, other)| {
        let numbers = order == Order::Numbers;
        let ordering = one.cmp(two).then_with(|| match numbers {
            true => element.cmp(other),
            false => Ordering::Equal,
        });
        if desc { ordering.reverse() } else { ordering }
    });
    Ok(rows.into_iter().map(|(_, element)| element).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(elements: &[&str], order: Order, desc: bool) -> Option<Vec<String>> {
        let elements = elements.iter().map(|text| text.as_bytes().to_vec()).collect();
        // For an element that begins with a minus there is no value to sort by.
        let by = |element: &[u8]| (!element.starts_with(b"-")).then(|| element.to_vec());
        let sorted = sort(elements, order, desc, by).ok()?;
        Some(
            sorted
                .into_iter()
                .map(|bytes| String::from_utf8(bytes).unwrap())
                .collect(),
        )
    }

    #[test]
    fn numbers_are_sorted_by_value_and_equal_ones_by_text() {
        let mixed = ["10", "9", "1e1", "-x", "0x8", " 7", "inf"];
        let expected = ["-x", " 7", "0x8", "9", "10", "1e1", "inf"];
        let found = sorted(&mixed, Order::Numbers, false).unwrap();
        assert_eq!(found, expected);
        let found = sorted(&mixed, Order::Numbers, true).unwrap();
        assert!(found.iter().eq(expected.iter().rev()));
        for bad in ["x", "1x", "nan", "1e400", "1e-400", " "] {
            assert_eq!(sorted(&["1", bad], Order::Numbers, false), None, "{bad}");
        }
        assert_eq!(sorted(&["1", ""], Order::Numbers, false).unwrap(), ["", "1"]);
    }

    #[test]
    fn texts_are_sorted_behind_what_has_none() {
        for order in [Order::Bytes, Order::Collated] {
            let found = sorted(&["b", "10", "9", "-x", "a", ""], order, false).unwrap();
            assert_eq!(found, ["-x", "", "10", "9", "a", "b"]);
            let found = sorted(&["b", "-1", "-2", "a"], order, true).unwrap();
            assert_eq!(found, ["b", "a", "-1", "-2"]);
        }
    }
}
