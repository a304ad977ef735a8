//! The end of a rewrite whose child has exited well: the switch to the child's file. The event loop begins the switch and
//! concludes it. In between the switch runs on its own threads, and the event loop must not wait for them.

use std::sync::Arc;

use module_api::server::log;
use mylog_core::log::names;
use mylog_core::rewrite::cancel_flag::CancelFlag;
use mylog_core::rewrite::snapshot_file::SnapshotReport;
use mylog_core::rewrite::switch;
use mylog_core::rewrite::switch_outcome::{SwitchFailure, SwitchOutcome, SwitchReport, SwitchStage};
use mylog_core::rewrite::switch_plan::SwitchPlan;
use mylog_core::rewrite::wire::Report;
use parking_lot::Mutex;

use super::rewriter::{Aborted, failed, with};
use super::running::{Phase, Running};
use crate::engine;
use crate::engine::feed::Feed;
use crate::engine::lazyfree;

/// The outcome of a switch, published by the thread that ran it.
static SWITCHED: Mutex<Option<SwitchOutcome>> = Mutex::new(None);

/// Starts the switch to the child's file.
pub(super) fn hand_over(mut running: Running, report: Report) {
    let residual = engine::with(|engine| match &engine.feed {
        Feed::Residual(residual) => Some((Arc::clone(residual), Arc::clone(engine.writer.queue()))),
        Feed::None | Feed::Child(_) | Feed::CutOff(_) => None,
    });
    let Some(Some((residual, queue))) = residual else {
        return;
    };
    let cancel = Arc::new(CancelFlag::default());
    with(|rewriter| {
        let plan = SwitchPlan {
            fs: Arc::clone(&rewriter.fs),
            temp: running.path.clone(),
            live: rewriter.dir.join(names::CURRENT),
            history: None,
            identity: running.identity,
            run: rewriter.run,
            report: SnapshotReport {
                bytes: report.bytes,
                file_id: report.file,
                records: report.records,
                base_seq: report.base_seq,
            },
            residual,
            exclusive_bytes: switch::EXCLUSIVE_BYTES,
            cancel: Arc::clone(&cancel),
        };
        running.phase = Phase::Switching(cancel, report);
        rewriter.running = Some(running);
        switch::start(plan, queue, Box::new(|outcome| *SWITCHED.lock() = Some(outcome)));
    });
}

/// Concludes a switch that has ended.
pub(super) fn conclude_switch() {
    if with(|rewriter| rewriter.running.is_some()) != Some(true) {
        return;
    }
    let Some(outcome) = SWITCHED.lock().take() else {
        return;
    };
    let Some(Some(running)) = with(|rewriter| rewriter.running.take()) else {
        return;
    };
    let feed = engine::with(|engine| std::mem::take(&mut engine.feed)).unwrap_or_default();
    let (_, peak) = feed.bytes();
    lazyfree::give_back(feed);
    let Phase::Switching(_, report) = running.phase else {
        return;
    };
    match outcome {
        SwitchOutcome::Switched(switched) => succeeded(&running, &report, &switched, peak),
        // `over_limit`, which may have cancelled the switch, has counted the failure. A MYLOG.REWRITE ABORT is no failure.
        SwitchOutcome::Failed(SwitchFailure {
            stage: SwitchStage::Cancelled,
            ..
        }) => {
            log::notice("log rewrite: the switch was given up, the live log is as it was");
        }
        SwitchOutcome::Failed(failure) => {
            log::warning(&format!(
                "log rewrite: {failure}, {} ms after it began",
                running.started.elapsed().as_millis()
            ));
            failed(&failure.to_string());
        }
    }
}

fn succeeded(running: &Running, report: &Report, switched: &SwitchReport, peak: u64) {
    let took = running.started.elapsed();
    with(|rewriter| {
        rewriter.identity = running.identity;
        rewriter.base_size = switched.base_size;
        rewriter.back_off.reset();
        rewriter.courtesy.reset();
        rewriter.healing.healed();
        let stats = &mut rewriter.stats;
        stats.rewrites += 1;
        stats.last_failed = false;
        stats.last_error.clear();
        stats.last = took;
        stats.last_entries = report.entries;
        stats.last_rounds = report.rounds;
        stats.last_exclusive_usec = switched.exclusive_usec;
        stats.backlog_peak = stats.backlog_peak.max(peak);
        stats.absorbed += report.absorbed;
        stats.emitted += report.emitted;
        stats.last_residual_bytes = switched.residual_bytes;
    });
    log::notice(&format!(
        "log rewrite: epoch {} is the log: {} bytes for {} entries ({} diff records absorbed, {} names written again in {} rounds, {} bytes residual), {} ms in all, exclusive for {} us",
        running.identity.epoch,
        switched.new_size,
        report.entries,
        report.absorbed,
        report.emitted,
        report.rounds,
        switched.residual_bytes,
        took.as_millis(),
        switched.exclusive_usec,
    ));
}

/// Cancels the switch, unless it is in its last step.
pub(super) fn cancel_switch() -> Aborted {
    let cancelled = with(
        |rewriter| match rewriter.running.as_ref().map(|running| &running.phase) {
            Some(Phase::Switching(cancel, _)) => cancel.cancel(),
            _ => true,
        },
    );
    if cancelled == Some(true) {
        Aborted::Done
    } else {
        Aborted::TooLate
    }
}
