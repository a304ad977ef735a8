//! The health of the log: how the writer notices trouble, publishes it, and leaves it again.

use super::super::failure::{Failure, FailureKind, Healing, Health};
use super::super::file::TaintStage;
use super::super::home::Place;
use super::trouble::Trouble;
use super::{Committer, Now, PATH_CHECK_MS};

impl Committer {
    /// Once a second: is the log where the next start looks for it, how much room is there, and if a new file
    /// is needed, can one be made?
    pub(super) fn look_around(&mut self, now: Now) {
        if now.steady_ms < self.next_check_ms {
            return;
        }
        self.next_check_ms = now.steady_ms + PATH_CHECK_MS;
        self.watermarks.set_free_bytes(self.home.free_bytes());
        let place = self.home.look(&self.file);
        if !matches!(self.trouble, Trouble::Tainted(_)) {
            // Of a file that has gone away it is told where it is; what became of it is seen when it is back.
            let look = if place == Place::Ours {
                self.file.look()
            } else {
                Ok(())
            };
            match look {
                Ok(()) => self.follow(&place),
                Err(taint) => self.enter(Trouble::Tainted(taint), taint.to_string()),
            }
        }
        let may_heal = match (&place, self.trouble) {
            (_, Trouble::None | Trouble::Write(_)) => return,
            (Place::Away(..), _) => self.reclaim,
            (Place::Ours | Place::Lost(..), _) => true,
        };
        let healing = match may_heal.then(|| self.home.make_ready()) {
            Some(Ok(())) => {
                self.watermarks.set_last_error(&self.trouble_text);
                Healing::Ready
            }
            Some(Err(why)) => {
                let text = format!("{}; that can't be done yet: {why}", self.trouble_text);
                self.watermarks.set_last_error(&text);
                Healing::Waiting
            }
            None => {
                let text = match (&place, self.trouble) {
                    (Place::Away(_, why), Trouble::Tainted(_)) => format!("{}; {why}", self.trouble_text),
                    _ => self.trouble_text.clone(),
                };
                self.watermarks.set_last_error(&text);
                Healing::Waiting
            }
        };
        self.watermarks.set_healing(healing);
    }

    /// A log that nobody will find at the next start must not acknowledge anything.
    fn follow(&mut self, place: &Place) {
        let (errno, why, what_to_do) = match place {
            Place::Ours => {
                if matches!(self.trouble, Trouble::Displaced(_)) {
                    self.recover();
                }
                return;
            }
            Place::Lost(errno, why) => (*errno, why, "a new log is made as soon as its folder takes one"),
            Place::Away(errno, why) => (*errno, why, "put it back, or run MYLOG.REWRITE to make a new one"),
        };
        let live = self.home.live().display();
        let text = format!("{live} no longer leads to the log ({why}): {what_to_do}");
        self.enter(Trouble::Displaced(errno), text);
    }

    pub(super) fn enter(&mut self, trouble: Trouble, text: String) {
        let kind = match trouble {
            Trouble::None => return,
            Trouble::Write(_) => FailureKind::Write,
            Trouble::Displaced(_) => FailureKind::Displaced,
            Trouble::Tainted(taint) => FailureKind::Tainted(taint.stage),
        };
        let known = std::mem::replace(&mut self.trouble, trouble) == trouble;
        if !known && !matches!(trouble, Trouble::Write(_)) {
            // Before it is known to be down: who asks for a rewrite then is to wait for the folder.
            self.watermarks.set_healing(Healing::Waiting);
        }
        if !known && matches!(trouble, Trouble::Tainted(_)) {
            // What can be done about it is found out at once.
            self.next_check_ms = 0;
        }
        self.trouble_text.clone_from(&text);
        if !known {
            // Before it is known to be down, so that whoever is refused is told why.
            self.watermarks.set_last_error(&text);
        }
        self.publish_health();
        if !known {
            let errno = match trouble {
                Trouble::Write(errno) | Trouble::Displaced(errno) => errno,
                Trouble::Tainted(taint) => taint.errno,
                Trouble::None => 0,
            };
            self.listener.on_failure(&Failure {
                kind,
                errno,
                durable_seq: self.durable,
                text,
            });
        }
    }

    pub(super) fn recover(&mut self) {
        self.trouble = Trouble::None;
        self.reclaim = false;
        self.publish_health();
        self.watermarks.set_healing(Healing::NotNeeded);
        self.watermarks.clear_last_error();
        self.listener.on_recovered();
    }

    fn publish_health(&self) {
        let (write, fsync) = match self.trouble {
            Trouble::None => (Health::Ok, Health::Ok),
            Trouble::Write(errno) | Trouble::Displaced(errno) => (Health::Failing(errno), Health::Ok),
            Trouble::Tainted(taint) => match taint.stage {
                TaintStage::Fsync | TaintStage::Folder => (Health::Ok, Health::Tainted(taint.errno)),
                TaintStage::Write
                | TaintStage::CutBack
                | TaintStage::Sequence
                | TaintStage::Length(_)
                | TaintStage::Hole => (Health::Tainted(taint.errno), Health::Ok),
            },
        };
        self.watermarks.set_health(write, fsync);
    }
}
