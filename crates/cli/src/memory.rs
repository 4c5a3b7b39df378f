//! The allocator's one setting. It reads settings from the environment before `main` begins, so that a program can only choose
//! one by starting anew.

/// How long freed memory is kept for the next who needs some, in milliseconds. By default it is a second, in which a reader of
/// large bills frees a hundred MiB.
#[cfg(unix)]
const PURGE_DELAY: (&str, &str) = ("MIMALLOC_PURGE_DELAY", "10");

/// Starts this program anew, in the same process, with memory given back soon; does nothing where the environment chooses
/// already. Where it can't be started anew, it goes on as it is, and takes more memory.
pub(crate) fn give_back_soon() {
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt;

        let (name, value) = PURGE_DELAY;
        let mut arguments = std::env::args_os();
        let (Ok(program), Some(called), None) = (std::env::current_exe(), arguments.next(), std::env::var_os(name))
        else {
            return;
        };
        let error = std::process::Command::new(program).arg0(called).args(arguments).env(name, value).exec();
        crate::out::talk(&format!("warning: the allocator keeps its defaults: {error}"));
    }
}
