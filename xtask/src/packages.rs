//! Which real servers must be there, and how do they get there? From Debian, without one of them being started.
//!
//! A Debian package starts its service when it is installed: a Redis on port 6379 and an HAProxy would then stand beside the
//! tests' own. `policy-rc.d` is Debian's way to say no; it is only put there if the machine has none, and taken away again.

use std::env;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::cargo;
use crate::failure::Failure;

/// Something that must be on the machine, and the package that brings it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Need {
    /// How to see that it is there.
    proof: Proof,
    package: &'static str,
}

#[derive(Clone, Copy, Debug)]
enum Proof {
    /// One of these programs.
    Program(&'static [&'static str]),
    /// A module of the system's Python; another one on the path has other modules.
    PythonModule(&'static str),
    /// A file that is at the same place everywhere.
    File(&'static str),
}

/// A server to watch.
pub(crate) const REDIS: Need =
    Need { proof: Proof::Program(&["redis-server", "valkey-server"]), package: "redis-server" };
/// Its client and its load generator.
pub(crate) const REDIS_TOOLS: Need = Need { proof: Proof::Program(&["redis-benchmark"]), package: "redis-tools" };
/// What the proxy is compared with.
pub(crate) const HAPROXY: Need = Need { proof: Proof::Program(&["haproxy"]), package: "haproxy" };
/// Another proxy that shares server connections; its package and its program have its first name.
pub(crate) const TWEMPROXY: Need = Need { proof: Proof::Program(&["nutcracker"]), package: "nutcracker" };
/// Makes certificates.
pub(crate) const OPENSSL: Need = Need { proof: Proof::Program(&["openssl"]), package: "openssl" };
/// Sees where the time of a process goes.
pub(crate) const PERF: Need = Need { proof: Proof::Program(&["perf"]), package: "linux-perf" };
/// What the stock acceptance suite is written in.
pub(crate) const TCLSH: Need = Need { proof: Proof::Program(&["tclsh"]), package: "tcl" };
/// Unpacks source packages.
pub(crate) const DPKG_DEV: Need = Need { proof: Proof::Program(&["dpkg-source"]), package: "dpkg-dev" };
/// Looks at processes.
pub(crate) const PROCPS: Need = Need { proof: Proof::Program(&["ps"]), package: "procps" };

/// The server where a test or a benchmark names the program: no other one will do.
pub(crate) const REDIS_SERVER: Need = Need { proof: Proof::Program(&["redis-server"]), package: "redis-server" };
/// Lays network namespaces.
pub(crate) const IPROUTE: Need = Need { proof: Proof::Program(&["ip"]), package: "iproute2" };
/// Drops packets in them.
pub(crate) const NFTABLES: Need = Need { proof: Proof::Program(&["nft"]), package: "nftables" };

/// The other router of an address that two hosts share.
pub(crate) const KEEPALIVED: Need = Need { proof: Proof::Program(&["keepalived"]), package: "keepalived" };

/// What builds a program in C: one that calls OpenSSL.
pub(crate) const CC: Need = Need { proof: Proof::Program(&["cc"]), package: "gcc" };
pub(crate) const MAKE: Need = Need { proof: Proof::Program(&["make"]), package: "make" };
pub(crate) const OPENSSL_HEADERS: Need =
    Need { proof: Proof::File("/usr/include/openssl/ssl.h"), package: "libssl-dev" };

/// Writes down what passes on a link.
pub(crate) const TCPDUMP: Need = Need { proof: Proof::Program(&["tcpdump"]), package: "tcpdump" };
/// Reads it.
pub(crate) const TSHARK: Need = Need { proof: Proof::Program(&["tshark"]), package: "tshark" };

/// What the whole test run needs.
pub(crate) const ALL: &[Need] = &[
    REDIS_SERVER,
    REDIS_TOOLS,
    HAPROXY,
    Need { proof: Proof::Program(&["chromium"]), package: "chromium" },
    Need { proof: Proof::Program(&["chromedriver"]), package: "chromium-driver" },
    Need { proof: Proof::PythonModule("redis"), package: "python3-redis" },
    Need { proof: Proof::Program(&["node"]), package: "nodejs" },
    Need { proof: Proof::Program(&["npm"]), package: "npm" },
    Need { proof: Proof::PythonModule("pip"), package: "python3-pip" },
    IPROUTE,
    NFTABLES,
    PROCPS,
    Need { proof: Proof::Program(&["birdc"]), package: "bird2" },
    Need { proof: Proof::Program(&["gobgpd"]), package: "gobgpd" },
    Need { proof: Proof::Program(&["vtysh"]), package: "frr" },
    KEEPALIVED,
    TCPDUMP,
    TSHARK,
];

/// Installs what is missing. Does nothing, and asks no network, if nothing is.
pub(crate) fn install(needs: &[Need]) -> Result<(), Failure> {
    let missing = missing(needs);
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    if !is_there("apt-get") {
        return Err(Failure::new(format!(
            "this needs {list} (Debian's names), and there is no apt-get here: install them by your system's own means"
        )));
    }
    if !is_root() {
        return Err(Failure::new(format!(
            "this needs Debian's packages {list}. Run it as root, or install them first: apt-get install {list}"
        )));
    }
    println!("installing {list}; no service is started");
    let mut install = Command::new("sh");
    install.args(["-c", INSTALL, "xtask", POLICY]).args(&missing);
    cargo::run_named(install, &format!("apt-get install {list}"))?;
    match self::missing(needs) {
        still if still.is_empty() => Ok(()),
        still => Err(Failure::new(format!("{} is installed, and its program is still not found", still.join(" ")))),
    }
}

fn missing(needs: &[Need]) -> Vec<&'static str> {
    needs.iter().filter(|need| !need.is_met()).map(|need| need.package).collect()
}

impl Need {
    fn is_met(self) -> bool {
        match self.proof {
            Proof::Program(names) => names.iter().any(|name| is_there(name)),
            Proof::PythonModule(name) => {
                let mut python = Command::new("/usr/bin/python3");
                python.args(["-c", &format!("import {name}")]).stderr(Stdio::null());
                python.status().is_ok_and(|status| status.success())
            }
            Proof::File(path) => Path::new(path).is_file(),
        }
    }
}

/// Whether a program of this name is on the path, or where a daemon is when the path is an ordinary user's.
fn is_there(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let dirs = env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    dirs.map(|dir| dir.join(program)).any(|file| file.is_file())
}

/// Whether this is root.
pub(crate) fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    Path::new("/proc/self").metadata().is_ok_and(|me| me.uid() == 0)
}

/// Where Debian looks for permission to start a service.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// `$1`: the policy file; then the packages. A shell script because a trap also removes the file on Ctrl-C, which a
/// destructor of ours would not live to do. A file that a SIGKILL left behind is known by its mark.
const INSTALL: &str = r##"
set -eu
policy=$1; shift
mark='# put here by cargo xtask; remove me'
if [ ! -e "$policy" ] || grep -qxF "$mark" "$policy"; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 130' INT TERM HUP
    printf '%s\n' '#!/bin/sh' "$mark" 'exit 101' > "$policy"
    chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -q update
apt-get -q -y -o DPkg::Lock::Timeout=120 install --no-install-recommends "$@"
"##;

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    /// A directory with a false apt-get that writes down its arguments and the policy that it meets.
    struct FalseDebian(PathBuf);

    impl FalseDebian {
        fn new(name: &str, install_exits: u8) -> Self {
            let dir = env::temp_dir().join(format!("standfast-xtask-{name}-{}", std::process::id()));
            fs::create_dir_all(&dir).unwrap();
            let script = format!(
                "#!/bin/sh\necho \"$@\" >> {0}/calls\ncat {0}/policy >> {0}/seen\ncase \"$*\" in *install*) exit {1};; esac\n",
                dir.display(),
                install_exits
            );
            fs::write(dir.join("apt-get"), script).unwrap();
            fs::set_permissions(dir.join("apt-get"), fs::Permissions::from_mode(0o755)).unwrap();
            Self(dir)
        }

        fn install(&self) -> bool {
            let path = format!("{}:{}", self.0.display(), env::var("PATH").unwrap());
            let mut install = Command::new("sh");
            install.args(["-c", INSTALL, "xtask"]).arg(self.0.join("policy")).args(["haproxy", "procps"]);
            install.env("PATH", path).status().unwrap().success()
        }

        fn read(&self, name: &str) -> String {
            fs::read_to_string(self.0.join(name)).unwrap_or_default()
        }
    }

    impl Drop for FalseDebian {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn services_are_forbidden_during_the_installation_only() {
        let debian = FalseDebian::new("forbidden", 0);
        assert!(debian.install());
        let calls = debian.read("calls");
        assert!(calls.starts_with("-q update\n") && calls.trim_end().ends_with("haproxy procps"), "{calls}");
        assert!(debian.read("seen").contains("exit 101"));
        assert!(!debian.0.join("policy").exists());
    }

    #[test]
    fn the_policy_is_taken_away_when_the_installation_fails() {
        let debian = FalseDebian::new("fails", 100);
        assert!(!debian.install());
        assert!(debian.read("seen").contains("exit 101"));
        assert!(!debian.0.join("policy").exists());
    }

    #[test]
    fn the_machines_own_policy_is_left_alone_and_a_forgotten_one_of_ours_is_not() {
        let debian = FalseDebian::new("own", 0);
        fs::write(debian.0.join("policy"), "#!/bin/sh\nexit 0\n").unwrap();
        assert!(debian.install());
        assert_eq!(debian.read("policy"), "#!/bin/sh\nexit 0\n");

        fs::write(debian.0.join("policy"), "#!/bin/sh\n# put here by cargo xtask; remove me\nexit 101\n").unwrap();
        assert!(debian.install());
        assert!(!debian.0.join("policy").exists());
    }

    #[test]
    fn what_is_there_is_not_installed() {
        let shell = Need { proof: Proof::Program(&["no-such-shell", "sh"]), package: "dash" };
        let nothing = Need { proof: Proof::Program(&["no-such-program"]), package: "nothing" };
        let module = Need { proof: Proof::PythonModule("no_such_module"), package: "python3-nothing" };
        let file = Need { proof: Proof::File("/dev/no-such-file"), package: "nothing-dev" };
        assert_eq!(missing(&[shell, nothing, module, file]), ["nothing", "python3-nothing", "nothing-dev"]);
    }
}
