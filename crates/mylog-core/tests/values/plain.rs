//! What the tests of all types need.

use mylog_core::value::Value;

use crate::rng::Rng;

pub fn body(value: &Value) -> Vec<u8> {
    let mut body = Vec::new();
    value.encode_body(&mut body);
    assert_eq!(body.len(), value.body_len());
    body
}

pub fn comes_back(value: &Value, seed: u64) {
    if !value.is_empty() {
        let again = Value::decode_body(value.kind(), &body(value));
        assert_eq!(again.as_ref(), Some(value), "seed {seed}");
    }
}

/// Grows to some `most` and goes down again, several times.
pub fn grows(step: u64, most: u64) -> bool {
    step / (2 * most) % 2 == 0
}

/// A name: short, but one in a hundred past the limit of a small value.
pub fn name(rng: &mut Rng, of: u64) -> Vec<u8> {
    let n = rng.below(of);
    let long = if n % 100 == 99 { 70 } else { 0 };
    format!("{n:0long$}").into_bytes()
}
