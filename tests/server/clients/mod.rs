//! Libraries of other people, unchanged, on captured prefixes.

pub(crate) mod bullmq;
pub(crate) mod celery;
pub(crate) mod redis_py;
pub(crate) mod redis_rs;
pub(crate) mod rq;
