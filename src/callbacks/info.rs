//! `INFO mylog`. It also runs in the server's crash report, which gets no fields.

use std::ffi::CString;
use std::time::Duration;

use module_api::server::config::c_text;
use module_api::server::info::{Info, InfoSource};
use mylog_core::log::failure::Health;

use crate::acks::{execution_unit, held_clients};
use crate::adopt::background::Outcome;
use crate::adopt::{self, census};
use crate::engine::{load_report, refusal};
use crate::execute::native_fallback;
use crate::keyspace::load_state;
use crate::{acks, engine, release, rewrite};

/// The module's section of INFO.
pub(crate) struct Fields;

impl InfoSource for Fields {
    fn fill(info: Info<'_>, in_crash_report: bool) {
        if in_crash_report || !info.section(c"") {
            return;
        }
        log_fields(info);
        rewrite_fields(info);
        load_fields(info);
        adopt_fields(info);
        release_fields(info);
    }
}

fn log_fields(info: Info<'_>) {
    let epoch = rewrite::with(|rewriter| (rewriter.identity.epoch, rewriter.base_size));
    engine::with(|engine| {
        let marks = engine.marks();
        info.number(c"enabled", 1);
        info.number(c"keys", engine.store.len() as u64);
        info.number(c"epoch", epoch.map_or(0, |(epoch, _)| epoch));
        info.number(c"current_size", marks.current_size());
        info.number(c"base_size", epoch.map_or(0, |(_, base)| base));
        info.number(c"live_bytes", engine.store.live_bytes());
        info.number(c"queued_seq", engine.last_seq());
        info.number(c"written_seq", marks.written());
        info.number(c"durable_seq", marks.durable());
        info.number(c"oldest_unwritten_age_ms", marks.oldest_unwritten_age_ms());
        info.number(c"oldest_unsynced_age_ms", marks.oldest_unsynced_age_ms());
        info.number(c"unwritten_bytes", engine.unwritten_bytes());
        info.number(
            c"oldest_unwritten_age_peak_ms",
            marks.oldest_unwritten_age_peak_ms(),
        );
        info.number(
            c"oldest_unsynced_age_peak_ms",
            marks.oldest_unsynced_age_peak_ms(),
        );
        info.number(c"unwritten_bytes_peak", marks.unwritten_bytes_peak());
        info.number(c"refused_writes", refusal::refused_writes());
        if let Some(free) = Some(marks.free_bytes()).filter(|free| *free != u64::MAX) {
            info.number(c"free_bytes", free);
        }
        info.number(c"fsync_p50_usec", marks.fsync_times().percentile_usec(50));
        info.number(c"fsync_p99_usec", marks.fsync_times().percentile_usec(99));
        info.number(c"acks_waiting", (held_clients::waiting() + acks::gated()) as u64);
        info.text(c"gate", acks::status());
        info.text(c"gate_fallback_reason", &c_text(acks::reason()));
        info.text(c"settings_aside", &c_text(&acks::tell_aside()));
        info.number(c"gate_closed_clients", acks::closed());
        info.number(c"gate_evicted_clients", acks::evicted());
        info.number(c"gate_unknown_authors", acks::unknown());
        info.number(c"event_loop_waited_usec", execution_unit::waited_usec());
        info.text(c"last_write_status", status(marks.write_health()));
        info.text(c"last_fsync_status", status(marks.fsync_health()));
        let error = engine
            .refusal()
            .map(|refusal| refusal.to_string())
            .or_else(|| marks.last_error())
            .unwrap_or_default();
        info.text(c"last_error", &one_line(&error));
    });
}

fn one_line(text: &str) -> CString {
    c_text(&text.replace(['\r', '\n'], " "))
}

fn status(health: Health) -> &'static std::ffi::CStr {
    if health == Health::Ok { c"ok" } else { c"err" }
}

fn rewrite_fields(info: Info<'_>) {
    let (backlog, peak) = engine::with(|engine| engine.feed.bytes()).unwrap_or_default();
    rewrite::with(|rewriter| {
        let stats = &rewriter.stats;
        info.number(c"rewrite_in_progress", u64::from(rewriter.in_progress()));
        info.number(c"rewrite_scheduled", u64::from(rewriter.is_scheduled()));
        info.fraction(c"rewrite_progress", rewriter.progress());
        info.text(c"rewrite_blocks", &c_text(&rewriter.in_the_way_of().names()));
        info.number(c"rewrite_yields", stats.yields);
        info.number(c"rewrites", stats.rewrites);
        info.number(c"rewrite_failures", stats.failures);
        info.number(c"rewrite_next_retry_sec", rewriter.next_retry().as_secs());
        info.text(
            c"last_rewrite_status",
            if stats.last_failed { c"err" } else { c"ok" },
        );
        info.text(c"last_rewrite_error", &one_line(&stats.last_error));
        info.number(c"last_rewrite_rounds", stats.last_rounds);
        info.number(c"last_rewrite_msec", millis(stats.last));
        info.number(c"last_rewrite_child_usec", micros(stats.last_child));
        info.number(c"last_rewrite_entries", stats.last_entries);
        info.number(c"last_fork_usec", micros(stats.last_fork));
        info.number(c"last_finalize_main_usec", micros(stats.last_finalize));
        info.number(c"max_finalize_main_usec", micros(stats.max_finalize));
        info.number(c"last_switch_exclusive_usec", stats.last_exclusive_usec);
        info.number(c"rewrite_backlog_bytes", backlog);
        info.number(c"rewrite_backlog_peak_bytes", stats.backlog_peak.max(peak));
        info.number(c"diff_records_absorbed", stats.absorbed);
        info.number(c"diff_records_emitted", stats.emitted);
        info.number(c"last_residual_bytes", stats.last_residual_bytes);
    });
    info.number(c"rebase_pending", u64::from(load_state::rebase_pending()));
}

fn load_fields(info: Info<'_>) {
    let load = load_report::last();
    info.text(
        c"last_load_status",
        if load.torn_bytes > 0 { c"truncated" } else { c"ok" },
    );
    info.number(c"last_load_records", load.records);
    info.number(c"last_load_msec", load.msec);
    info.number(c"load_truncated_bytes", load.torn_bytes);
}

fn adopt_fields(info: Info<'_>) {
    let native = census::count();
    if let Some(keys) = native.keys {
        info.number(c"native_captured_keys", keys);
        info.number(c"native_captured_keys_age_sec", native.age.as_secs());
    }
    info.number(c"native_captured_scan_in_progress", u64::from(native.in_progress));
    info.number(c"native_captured_commands", native_fallback::commands());
    let adoption = adopt::progress();
    info.number(c"adopt_in_progress", u64::from(adoption.in_progress));
    info.number(c"adopt_scanned", adoption.scanned);
    info.number(c"adopt_keys", adoption.keys);
    info.number(c"adopt_skipped", adoption.skipped);
    info.number(c"adopted_keys", adoption.all_keys);
    info.text(c"last_adopt_status", &one_line(&how(&adoption.last)));
}

fn release_fields(info: Info<'_>) {
    let release = release::progress();
    info.number(c"release_in_progress", u64::from(release.in_progress));
    info.number(c"release_scanned", release.scanned);
    info.number(c"release_keys", release.keys);
    info.number(c"release_skipped", release.skipped);
    info.number(c"released_keys", release.all_keys);
    info.text(c"last_release_status", &one_line(&how(&release.last)));
}

fn how(outcome: &Outcome) -> String {
    match outcome {
        Outcome::None => "none".to_owned(),
        Outcome::Done => "ok".to_owned(),
        Outcome::Aborted(why) => format!("aborted: {why}"),
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
