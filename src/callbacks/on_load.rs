//! The server's first call into the library: reads the log, then registers everything. The steps that can fail come first,
//! because Redis 7.0 does not undo the filters, subscriptions and types of a load that failed.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use module_api::clients::epoll;
use module_api::commands::acl;
use module_api::context::{Flags, ModuleOptions};
use module_api::gil::Gil;
use module_api::keys::database;
use module_api::server::server_state;
use module_api::server::{latency, log, panic, process, server_settings};
use module_api::string::Args;
use module_api::{Ctx, Refused, own_context, server};
use mylog_core::format::snapshot_end::SnapshotEnd;
use mylog_core::io::Fs;
use mylog_core::io::os::OsFs;
use mylog_core::log::create::make_folder;
use mylog_core::log::damage::BadRecords;
use mylog_core::log::file::{AppendError, LogFile, TaintStage};
use mylog_core::log::ids::run_id;
use mylog_core::log::lock::{Claim, LockError};
use mylog_core::log::recover::{RecoverError, Recovered, Start, Swept, recover, sweep};
use mylog_core::log::replay::Replay;
use mylog_core::log::writer::{Writer, WriterConfig};
use mylog_core::store::{Bounds, MAX_DBS, Store};

use crate::acks::execution_unit;
use crate::callbacks::log_listener::LogListener;
use crate::callbacks::{config_hooks, data_types, defrag, info, server_events, turn};
use crate::engine::load_report;
use crate::keyspace::{load_state, selected_db};
use crate::lifecycle::{foreign_slots, save_barrier, startup};
use crate::settings::load_args::{self, ConfigError};
use crate::settings::server_version::Edition;
use crate::settings::{captured_keys, config, server_commands};
use crate::{commands, engine, filter, rewrite};

/// The lock of the log's folder. Kept as long as the process lives: a second server on the folder would destroy both logs.
static LOCK: Gil<Option<Arc<Claim>>> = Gil::new(None);

/// Why the module does not load.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
enum LoadError {
    /// The server is too old.
    #[error("this server has no {function}: Redis 7.0 or later is needed")]
    Server {
        /// The missing function.
        function: &'static str,
    },
    /// The server has databases for which records have no number.
    #[error("the server has more databases than the log can name: set 'databases' to {MAX_DBS} or less")]
    Databases,
    /// The configuration is invalid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The captured keys can't be determined.
    #[error("{0}")]
    Capture(&'static str),
    /// The folder can't be used.
    #[error("{}: {source}; check that the server may write there", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// Another server uses the folder.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The log can't be loaded.
    #[error(transparent)]
    Recover(#[from] RecoverError),
    /// The log can't be appended to.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// No thread could be started.
    #[error("the writer thread could not be started: {0}")]
    Thread(#[source] std::io::Error),
    /// The server refused a registration.
    #[error(transparent)]
    Refused(#[from] Refused),
}

/// Loads the module. False, and a line in the server's log, if that fails.
pub(crate) fn on_load(ctx: Ctx<'_>, args: Args<'_>) -> bool {
    let args: Vec<&[u8]> = args.from(0).collect();
    let loaded = load(ctx, &args);
    if let Err(error) = &loaded {
        log::warning(&format!("not loaded: {error}"));
    }
    loaded.is_ok()
}

fn load(ctx: Ctx<'_>, args: &[&[u8]]) -> Result<(), LoadError> {
    if let Some(function) = server::lacks() {
        return Err(LoadError::Server { function });
    }
    let own = ctx.detached();
    log::attach(own);
    panic::install();
    own_context::attach(own);
    let edition = Edition::ask(ctx);
    // Without HANDLE_IO_ERRORS the server ends itself at the first truncated value, also in a RESTORE, and a replica does not
    // load a data set straight from the socket. Without HANDLE_REPL_ASYNC_LOAD, too, it does not load one beside the present
    // one. HANDLE_FORKLESS, of Valkey 9.2, is left out: `rdb_save` would run on another thread while the store changes. The
    // server forks for its saves instead.
    let options = ModuleOptions::NO_IMPLICIT_SIGNAL_MODIFIED
        .and(ModuleOptions::HANDLE_IO_ERRORS)
        .and(ModuleOptions::HANDLE_REPL_ASYNC_LOAD);
    // Valkey from 9.0 on refuses `CLUSTER MIGRATESLOTS` without it. Durable values move as the commands that make them.
    ctx.set_module_options(match edition.is_valkey_since((9, 0)) {
        true => options.and(ModuleOptions::HANDLE_ATOMIC_SLOT_MIGRATION),
        false => options,
    });
    if ctx.select_db(MAX_DBS).is_ok() {
        return Err(LoadError::Databases);
    }
    config::attach(config_hooks::changed);
    execution_unit::attach(turn::unit_ended);
    load_args::register(ctx, args)?;
    let starting = is_startup(ctx);
    meet(edition);
    server_state::ask();
    epoll::find_instances();
    server_commands::refresh(own);
    if server_commands::are_hidden() && captured_keys::captures() {
        return Err(LoadError::Capture(config::HIDDEN));
    }
    save_barrier::prepare();
    process::without_size_signal(|| open_log(bounds(own)))?;
    data_types::register(ctx)?;
    defrag::register(ctx);
    commands::register(ctx)?;
    ctx.register_info::<info::Fields>()?;
    server_events::subscribe(ctx)?;
    // The module's own commands are in the table by now.
    server_commands::refresh(own);
    filter::register(ctx)?;
    if !starting {
        startup::enter(own);
    }
    Ok(())
}

/// Sets up what depends on the server's version alone.
fn meet(edition: Edition) {
    edition.warn_if_unknown();
    selected_db::on(edition);
    foreign_slots::are_deleted_by_the_server(
        edition.is_redis_since((8, 4)) || edition.is_valkey_since((8, 0)),
    );
    commands::on(edition);
    acl::prepare();
    // Valkey 9.0 attributes a client in MULTI to the database that was selected last while the client queued.
    database::is_mistaken_in_exec(edition.is_valkey_since((9, 0)));
}

/// True while the server starts: it loads its own files after OnLoad, and must not find the log's keys in the keyspace then.
fn is_startup(ctx: Ctx<'_>) -> bool {
    if Flags::known(Flags::SERVER_STARTUP) {
        return ctx.flags().any(Flags::SERVER_STARTUP);
    }
    // Redis 7.0 has no such flag, but starts its background threads only after it has loaded its modules.
    let names = std::fs::read_dir("/proc/self/task")
        .into_iter()
        .flatten()
        .flatten();
    !names
        .filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok())
        .any(|name| name.starts_with("bio_"))
}

/// Reads the log into the store, and makes it ready to be appended to.
fn open_log(bounds: Bounds) -> Result<(), LoadError> {
    let fs: Arc<dyn Fs> = Arc::new(OsFs);
    let dir = folder()?;
    make_folder(fs.as_ref(), &dir).map_err(|source| LoadError::Folder {
        path: dir.clone(),
        source,
    })?;
    let lock = Arc::new(Claim::take(&dir)?);
    let run = run_id().map_err(|source| LoadError::Folder {
        path: dir.clone(),
        source,
    })?;
    let began = Instant::now();
    let start = Start {
        load_truncated: config::load_truncated(),
        run,
        wall_ms: engine::wall_ms(),
    };
    let mut loading = Loading::new(bounds);
    let recovered = recover(fs.as_ref(), &dir, start, &mut loading)?;
    let took = began.elapsed();
    report(&recovered, &loading.store, took);
    if recovered.report.records > 0 {
        server_settings::need();
    }
    latency::sample(c"mylog-load", took.as_millis() as i64);
    let Recovered {
        file,
        path,
        identity,
        end,
        next_seq,
        snapshot_end_offset,
        durable_seq,
        stale,
        report,
        ..
    } = recovered;
    let opened = |source| LoadError::Folder {
        path: path.clone(),
        source,
    };
    let mut file = LogFile::new(file, identity, run, end, next_seq).map_err(opened)?;
    if let Some(errno) = stale {
        // This file must not be appended to. It is rewritten automatically as soon as that works.
        file.set_taint(TaintStage::Write, errno);
    }
    match file.begin_run(run, durable_seq, engine::wall_ms()) {
        // The writer tries again, and durable writes are refused until it succeeds. A full disk must not keep the server, and so
        // the cache, from starting.
        Ok(_) | Err(AppendError::CutBack { .. }) => {}
        Err(AppendError::Tainted(_)) if stale.is_some() => {}
        Err(error) => return Err(error.into()),
    }
    let writer = writer(&fs, path.clone(), file, &lock)?;
    engine::start(loading.store, next_seq, writer);
    rewrite::start(Arc::clone(&fs), &dir, identity, run, snapshot_end_offset);
    load_state::log_is_open(identity.uuid, report.created);
    LOCK.with(|slot| *slot = Some(lock));
    sweep_leftovers(fs.as_ref(), &dir);
    Ok(())
}

fn writer(fs: &Arc<dyn Fs>, live: PathBuf, file: LogFile, lock: &Arc<Claim>) -> Result<Writer, LoadError> {
    let config = WriterConfig {
        fs: Arc::clone(fs),
        live,
        file,
        policy: config::fsync_policy(),
        claim: Some(Arc::clone(lock)),
    };
    Writer::spawn(config, Arc::new(LogListener::new())).map_err(LoadError::Thread)
}

/// The folder as an absolute path: `CONFIG SET dir` changes the server's directory, but must not move the log.
fn folder() -> Result<PathBuf, LoadError> {
    let name = config::dir();
    let path = Path::new(std::ffi::OsStr::from_bytes(&name)).to_owned();
    std::path::absolute(&path).map_err(|source| LoadError::Folder { path, source })
}

fn report(recovered: &Recovered, store: &Store, took: std::time::Duration) {
    let found = &recovered.report;
    let (path, msec) = (
        recovered.path.display(),
        u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
    );
    load_report::note(load_report::Load {
        records: found.records,
        msec,
        torn_bytes: found.torn_bytes,
    });
    if found.created {
        return log::notice(&format!("{path}: new log, epoch {}", recovered.identity.epoch));
    }
    log::notice(&format!(
        "{path}: epoch {}, {} bytes, {} records, {} keys, last seq {}, {}, read in {msec} ms",
        recovered.identity.epoch,
        found.bytes,
        found.records,
        store.len(),
        recovered.durable_seq,
        if found.sealed { "sealed" } else { "not sealed" },
    ));
    if let Some(torn) = &found.torn {
        let saved = found
            .saved_to
            .as_ref()
            .map_or_else(String::new, |to| format!(", saved to {}", to.display()));
        log::warning(&format!(
            "{path}: a torn tail of {} bytes was cut off{saved}: {torn}",
            found.torn_bytes
        ));
    }
}

fn sweep_leftovers(fs: &dyn Fs, dir: &Path) {
    match sweep(fs, dir) {
        Ok(Swept { removed, left }) => {
            if !removed.is_empty() {
                log::notice(&format!("swept away what a rewrite left unfinished: {removed:?}"));
            }
            for (path, error) in left {
                log::warning(&format!(
                    "{}: has the name of an unfinished file and can't be swept away: {error}; remove it, a rewrite may need the name",
                    path.display()
                ));
            }
        }
        Err(error) => log::warning(&format!(
            "{}: unfinished files could not be swept away: {error}",
            dir.display()
        )),
    }
}

/// The store that recovery fills.
struct Loading {
    store: Store,
    bounds: Bounds,
}

impl Loading {
    fn new(bounds: Bounds) -> Self {
        Self {
            store: Store::new(),
            bounds,
        }
    }

    /// Asks the server for the longest string, at the first record: a module without a log needs no such call.
    fn know_settings(&mut self) {
        server_settings::need();
        self.bounds
            .set_longest_string(server_settings::longest_string() as u64);
    }
}

/// The memory that this server has for durable values: `maxmemory`, or else the memory of the machine.
fn bounds(ctx: Ctx<'_>) -> Bounds {
    let memory = ctx.server_info(c"memory");
    let most = match (memory.number("maxmemory"), memory.number("total_system_memory")) {
        (0, 0) => u64::MAX,
        (0, machine) => machine,
        (limit, _) => limit,
    };
    Bounds::new(u64::MAX, most)
}

impl Replay for Loading {
    fn snapshot(&mut self, payload: &[u8], record_count: u32) -> Result<(), BadRecords> {
        self.know_settings();
        self.store
            .load_snapshot(payload, record_count, &mut self.bounds)
            .map_err(BadRecords::new)
    }

    fn snapshot_end(&mut self, totals: &SnapshotEnd) -> Result<(), BadRecords> {
        let keys = self.store.len() as u64;
        if keys == totals.keys {
            return Ok(());
        }
        Err(BadRecords::new(format!(
            "the snapshot has {keys} keys and says {}",
            totals.keys
        )))
    }

    fn group(&mut self, first_seq: u64, count: u32, payload: &[u8], _wall_ms: u64) -> Result<(), BadRecords> {
        self.know_settings();
        self.store
            .load_group(payload, count, &mut self.bounds)
            .map_err(|error| {
                BadRecords::new(format!("in the group that begins with seq {first_seq}: {error}"))
            })
    }
}
