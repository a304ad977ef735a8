//! Another module in the same server, made here: it calls commands, on behalf of its client or of nobody.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use super::server_builder::ServerBuilder;

/// `CALLER.AS_USER command ...` calls it with the permissions of the client, `CALLER.AS_NOBODY` without any;
/// `CALLER.AND_YIELD ms command ...` serves others for a while, or once, behind its call, `CALLER.BEHIND_YIELD` before it. The server
/// hands a module the way to its functions in the first word of the context.
const SOURCE: &str = r#"
#include <stddef.h>

typedef void Ctx;
typedef void String;
typedef void Reply;

static const char *(*StringPtrLen)(const String *, size_t *);
static Reply *(*Call)(Ctx *, const char *, const char *, ...);
static int (*ReplyWithCallReply)(Ctx *, Reply *);
static void (*FreeCallReply)(Reply *);
static void (*Yield)(Ctx *, int, const char *);
static long long (*Milliseconds)(void);

static int run(Ctx *ctx, String **argv, int argc, const char *format) {
    Reply *reply = Call(ctx, StringPtrLen(argv[1], NULL), format, argv + 2, (size_t)argc - 2);
    if (reply == NULL) return 1;
    ReplyWithCallReply(ctx, reply);
    FreeCallReply(reply);
    return 0;
}

static int as_user(Ctx *ctx, String **argv, int argc) { return run(ctx, argv, argc, "!CEv"); }
static int as_nobody(Ctx *ctx, String **argv, int argc) { return run(ctx, argv, argc, "!Ev"); }

/* Serves others for `ms` milliseconds, or once. */
static void serve(Ctx *ctx, String *argument) {
    const char *ms = StringPtrLen(argument, NULL);
    long long n = 0;
    while (*ms >= '0' && *ms <= '9') n = n * 10 + (*ms++ - '0');
    long long end = Milliseconds() + n;
    do Yield(ctx, 2, "caller yields"); while (Milliseconds() < end);
}

/* The call comes first: what it is answered is told at once. */
static int and_yield(Ctx *ctx, String **argv, int argc) {
    int done = run(ctx, argv + 1, argc - 1, "!Ev");
    serve(ctx, argv[1]);
    return done;
}

static int behind_yield(Ctx *ctx, String **argv, int argc) {
    serve(ctx, argv[1]);
    return run(ctx, argv + 1, argc - 1, "!Ev");
}

int RedisModule_OnLoad(Ctx *ctx, String **argv, int argc) {
    int (*get)(const char *, void *) = *(int (**)(const char *, void *))ctx;
    void (*SetModuleAttribs)(Ctx *, const char *, int, int);
    int (*CreateCommand)(Ctx *, const char *, int (*)(Ctx *, String **, int), const char *, int, int, int);
    (void)argv; (void)argc;
    get("RedisModule_SetModuleAttribs", &SetModuleAttribs);
    get("RedisModule_CreateCommand", &CreateCommand);
    get("RedisModule_StringPtrLen", &StringPtrLen);
    get("RedisModule_Call", &Call);
    get("RedisModule_ReplyWithCallReply", &ReplyWithCallReply);
    get("RedisModule_FreeCallReply", &FreeCallReply);
    get("RedisModule_Yield", &Yield);
    get("RedisModule_Milliseconds", &Milliseconds);
    SetModuleAttribs(ctx, "caller", 1, 1);
    if (CreateCommand(ctx, "caller.as_user", as_user, "write", 0, 0, 0)) return 1;
    if (CreateCommand(ctx, "caller.and_yield", and_yield, "write", 0, 0, 0)) return 1;
    if (CreateCommand(ctx, "caller.behind_yield", behind_yield, "write", 0, 0, 0)) return 1;
    return CreateCommand(ctx, "caller.as_nobody", as_nobody, "write", 0, 0, 0);
}
"#;

/// The module, made. It goes with this.
pub struct OtherModule(TempDir);

impl OtherModule {
    /// Panics where there is no C compiler.
    pub fn new() -> Self {
        let module = Self(tempfile::tempdir().expect("a folder"));
        fs::write(module.path("caller.c"), SOURCE).expect("a source");
        let made = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(module.path("caller.so"))
            .arg(module.path("caller.c"))
            .status();
        assert!(
            made.is_ok_and(|status| status.success()),
            "no C compiler. Run `make deps` first."
        );
        module
    }

    /// Settings of a server with both modules.
    pub fn beside(&self, settings: ServerBuilder) -> ServerBuilder {
        settings.config("loadmodule", &self.path("caller.so").display().to_string())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}
