//! Who heartbeat runs as: every id changed, no way back.

use std::ffi::CString;
use std::fs;

use anyhow::{Context, anyhow, bail};
use nix::unistd::{
    Gid, Group, Uid, User, getegid, geteuid, getgid, getuid, initgroups, setresgid, setresuid,
};

use crate::config::General;

/// An account that commands run as.
#[derive(Debug, Clone)]
pub struct Identity {
    user: User,
    gid: Gid,
}

impl Identity {
    /// The account that the configuration asks for; `None` where it asks for none.
    ///
    /// # Errors
    /// There is no such user or group.
    pub fn wanted(general: &General) -> anyhow::Result<Option<Self>> {
        if general.user.is_none() && general.group.is_none() {
            return Ok(None);
        }
        let user = match &general.user {
            Some(name) => User::from_name(name)
                .with_context(|| format!("user {name}"))?
                .ok_or_else(|| anyhow!("user {name}: there is no such user"))?,
            None => User::from_uid(geteuid())
                .context("the user that heartbeat runs as")?
                .ok_or_else(|| anyhow!("the user that heartbeat runs as has no name"))?,
        };
        let gid = match &general.group {
            Some(name) => {
                Group::from_name(name)
                    .with_context(|| format!("group {name}"))?
                    .ok_or_else(|| anyhow!("group {name}: there is no such group"))?
                    .gid
            }
            None => user.gid,
        };
        Ok(Some(Self { user, gid }))
    }

    /// Becomes it: real, effective and saved ids, the user's own supplementary groups.
    ///
    /// # Errors
    /// Not allowed, as for anyone but root who asks for someone else; or something of root would stay.
    pub fn assume(&self) -> anyhow::Result<()> {
        let (uid, gid, name) = (self.user.uid, self.gid, &self.user.name);
        if !geteuid().is_root() {
            let is_own = [getuid(), geteuid()] == [uid, uid] && [getgid(), getegid()] == [gid, gid];
            if is_own {
                return Ok(());
            }
            bail!("user {name}: only root may change to another user or group");
        }
        let account = CString::new(name.as_str()).with_context(|| format!("user {name}"))?;
        initgroups(&account, gid).with_context(|| format!("user {name}: its groups"))?;
        setresgid(gid, gid, gid).with_context(|| format!("user {name}: group {gid}"))?;
        // The other sets are emptied by the change of user (capabilities(7)).
        caps::clear(None, caps::CapSet::Inheritable)
            .with_context(|| format!("user {name}: inheritable capabilities"))?;
        setresuid(uid, uid, uid).with_context(|| format!("user {name}"))?;
        if !uid.is_root() {
            nothing_of_root_is_left().with_context(|| format!("user {name}"))?;
        }
        Ok(())
    }

    /// `HOME`, `USER` and `LOGNAME` of the account, for commands.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        let home = self.user.dir.display().to_string();
        let name = &self.user.name;
        [("HOME", &home), ("USER", name), ("LOGNAME", name)]
            .map(|(key, value)| (key.to_owned(), value.clone()))
            .into()
    }
}

/// The ids cannot be taken back and no capability has outlived them (capabilities(7): a process may have been told to
/// keep them).
fn nothing_of_root_is_left() -> anyhow::Result<()> {
    if setresuid(Uid::from_raw(0), Uid::from_raw(0), Uid::from_raw(0)).is_ok() {
        bail!("root could be taken back");
    }
    let status = fs::read_to_string("/proc/self/status").context("/proc/self/status")?;
    for line in status.lines() {
        let kept = ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"]
            .iter()
            .find_map(|name| line.strip_prefix(name));
        if kept.is_some_and(|set| set.trim().bytes().any(|digit| digit != b'0')) {
            bail!("capabilities would stay ({})", line.replace('\t', " "));
        }
    }
    Ok(())
}
