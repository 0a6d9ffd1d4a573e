//! Accounts that were signed in to, and their tokens. Tokens go to the key store of the system (Keychain, Credential
//! Manager, Secret Service); where there is none, to a file that only its owner can read, which is said; without a
//! folder, nowhere. The one file that names the key store's crate.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use keyring::Entry;
use phone_core::Private;
use phone_core::command::{HostOverrides, KeptToken, Service};
use phone_core::event::Notice;
use phone_core::output::{KeptAccount, SecretCommand};
use serde::{Deserialize, Serialize};

use crate::clock;
use crate::store::{private_folder, replace_private_file};

/// How our entries are called in the key store.
const ENTRY: &str = "Offhook";
const ACCOUNTS: &str = "accounts.toml";
const TOKENS: &str = "tokens.toml";
/// A file larger than this is not ours.
const FILE_LIMIT: u64 = 256 * 1024;
/// Accounts remembered; the one used longest ago goes.
const MAX_ACCOUNTS: usize = 16;

/// An account to sign in to again.
#[derive(Clone, Debug, PartialEq)]
pub struct SavedAccount {
    pub key: String,
    pub service: Service,
    pub user: Private<String>,
    pub organisation: Private<String>,
    /// Its token is in a file, for want of a key store.
    pub in_file: bool,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct AccountsFile {
    #[serde(default)]
    account: Vec<AccountEntry>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct AccountEntry {
    key: String,
    environment: String,
    client_id: String,
    user: String,
    organisation: String,
    redirect_ports: Vec<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    login: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    api: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    streaming: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sso_organisation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sso_provider: Option<String>,
    /// Unix time in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    token_ends: Option<u64>,
    in_file: bool,
}

/// What lies in the key store, as JSON-like TOML.
#[derive(Serialize, Deserialize)]
struct Secret {
    token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh: Option<String>,
}

/// The accounts that can be signed in to again, the last used first.
pub fn saved_accounts(data_dir: &Path) -> Vec<SavedAccount> {
    let accounts: AccountsFile = read_toml(&data_dir.join(ACCOUNTS)).unwrap_or_default();
    accounts
        .account
        .into_iter()
        .map(|entry| SavedAccount {
            key: entry.key,
            service: Service {
                environment: entry.environment,
                client_id: entry.client_id,
                hosts: HostOverrides { login: entry.login, api: entry.api, streaming: entry.streaming },
                redirect_ports: entry.redirect_ports,
                organisation: entry.sso_organisation,
                provider: entry.sso_provider,
            },
            user: entry.user.into(),
            organisation: entry.organisation.into(),
            in_file: entry.in_file,
        })
        .collect()
}

/// The token of an account that was signed in to. Waits for the user where the key store has to be unlocked.
pub fn kept_token(data_dir: &Path, key: &str) -> Option<KeptToken> {
    Secrets::new(Some(data_dir.to_owned())).load(key)
}

/// Where tokens are kept. Calls may wait for the user to unlock the key store: never on a thread that has to move on.
pub(crate) struct Secrets {
    folder: Option<PathBuf>,
    /// Whether the system's key store is used at all; tests leave it alone.
    system: bool,
}

impl Secrets {
    pub(crate) fn new(folder: Option<PathBuf>) -> Self {
        Self { folder, system: true }
    }

    /// Does what the phone wants kept or forgotten; a sentence for the user when that is not as it should be.
    pub(crate) fn run(&self, command: SecretCommand) -> Option<Notice> {
        match command {
            SecretCommand::Keep { account, token } => self.keep(&account, &token),
            SecretCommand::Forget { key } => {
                self.forget(&key);
                None
            }
        }
    }

    fn keep(&self, account: &KeptAccount, token: &KeptToken) -> Option<Notice> {
        let folder = self.folder.as_ref()?;
        let secret = Secret {
            token: token.token.reveal().clone(),
            refresh: token.refresh.as_ref().map(|refresh| refresh.reveal().clone()),
        };
        let text = toml::to_string(&secret).ok()?;
        let in_file = match self.to_key_store(&account.key, &text) {
            Ok(()) => {
                self.change_tokens(|tokens| drop(tokens.remove(&account.key)));
                false
            }
            Err(why) => {
                tracing::warn!(%why, "the key store of the system cannot be used");
                self.change_tokens(|tokens| drop(tokens.insert(account.key.clone(), text)));
                true
            }
        };
        let path = folder.join(ACCOUNTS);
        let mut accounts: AccountsFile = read_toml(&path).unwrap_or_default();
        let known = accounts.account.iter().any(|entry| entry.key == account.key && entry.in_file);
        accounts.account.retain(|entry| entry.key != account.key);
        accounts.account.insert(0, entry(account, token.life, in_file));
        accounts.account.truncate(MAX_ACCOUNTS);
        write_toml(folder, &path, &accounts);
        // Once for each account.
        (in_file && !known).then(no_key_store)
    }

    fn forget(&self, key: &str) {
        if self.system
            && let Ok(entry) = Entry::new(ENTRY, key)
            && let Err(error) = entry.delete_credential()
        {
            tracing::debug!(%error, "the key store had no such token");
        }
        self.change_tokens(|tokens| drop(tokens.remove(key)));
        let Some(folder) = &self.folder else { return };
        let path = folder.join(ACCOUNTS);
        let mut accounts: AccountsFile = read_toml(&path).unwrap_or_default();
        let before = accounts.account.len();
        accounts.account.retain(|entry| entry.key != key);
        if accounts.account.len() != before {
            write_toml(folder, &path, &accounts);
        }
    }

    /// The token of an account, if it is still good.
    pub(crate) fn load(&self, key: &str) -> Option<KeptToken> {
        let folder = self.folder.as_ref()?;
        let accounts: AccountsFile = read_toml(&folder.join(ACCOUNTS)).unwrap_or_default();
        let entry = accounts.account.into_iter().find(|entry| entry.key == key)?;
        let text = if entry.in_file {
            read_toml::<BTreeMap<String, String>>(&folder.join(TOKENS))?.remove(key)?
        } else {
            self.system.then(|| Entry::new(ENTRY, key).ok()?.get_password().ok()).flatten()?
        };
        let secret: Secret = toml::from_str(&text).ok()?;
        // Of one that has ended only the refresh token may be good.
        let life = entry.token_ends.map(|ends| Duration::from_secs(ends.saturating_sub(clock::unix_seconds())));
        let refresh = secret.refresh.map(Private::new);
        if life.is_some_and(|life| life < Duration::from_mins(1)) && refresh.is_none() {
            return None;
        }
        Some(KeptToken { token: secret.token.into(), refresh, life })
    }

    fn to_key_store(&self, key: &str, text: &str) -> Result<(), String> {
        if !self.system {
            return Err("it is not used".to_owned());
        }
        let entry = Entry::new(ENTRY, key).map_err(|error| error.to_string())?;
        entry.set_password(text).map_err(|error| error.to_string())
    }

    fn change_tokens(&self, change: impl FnOnce(&mut BTreeMap<String, String>)) {
        let Some(folder) = &self.folder else { return };
        let path = folder.join(TOKENS);
        let mut tokens: BTreeMap<String, String> = read_toml(&path).unwrap_or_default();
        let before = tokens.clone();
        change(&mut tokens);
        if tokens.is_empty() && !before.is_empty() {
            if let Err(error) = fs::remove_file(&path) {
                tracing::warn!(%error, "a file with tokens could not be removed");
            }
        } else if tokens != before {
            write_toml(folder, &path, &tokens);
        }
    }
}

fn entry(account: &KeptAccount, life: Option<Duration>, in_file: bool) -> AccountEntry {
    let Service { environment, client_id, hosts, redirect_ports, organisation, provider } = account.service.clone();
    AccountEntry {
        key: account.key.clone(),
        environment,
        client_id,
        user: account.user.reveal().clone(),
        organisation: account.organisation.reveal().clone(),
        redirect_ports,
        login: hosts.login,
        api: hosts.api,
        streaming: hosts.streaming,
        sso_organisation: organisation,
        sso_provider: provider,
        token_ends: life.map(|life| clock::unix_seconds().saturating_add(life.as_secs())),
        in_file,
    }
}

fn no_key_store() -> Notice {
    Notice {
        id: "no-key-store",
        text:
            "This computer has no key store that can be used, so the sign-in is kept in a file that only you can read."
                .to_owned(),
        remedy: "Sign out to remove it. With a key store (on Linux a Secret Service such as GNOME Keyring or KWallet) \
                 it is kept there."
            .to_owned(),
    }
}

fn read_toml<T: for<'de> Deserialize<'de>>(path: &Path) -> Option<T> {
    if fs::metadata(path).ok()?.len() > FILE_LIMIT {
        return None;
    }
    toml::from_str(&fs::read_to_string(path).ok()?).ok()
}

fn write_toml(folder: &Path, path: &Path, value: &impl Serialize) {
    let write = || -> io::Result<()> {
        private_folder(folder)?;
        replace_private_file(path, &toml::to_string(value).map_err(io::Error::other)?)
    };
    if let Err(error) = write() {
        tracing::warn!(%error, "accounts could not be saved");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("offhook-secrets-{}-{name}", std::process::id()));
            fs::remove_dir_all(&path).ok();
            Self(path)
        }

        fn secrets(&self) -> Secrets {
            Secrets { folder: Some(self.0.clone()), system: false }
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).ok();
        }
    }

    fn account(key: &str) -> Box<KeptAccount> {
        let service = Service { environment: "mypurecloud.de".into(), client_id: "c".into(), ..Service::default() };
        Box::new(KeptAccount { key: key.into(), service, user: "Ana".into(), organisation: "Acme".into() })
    }

    fn token(text: &str, life_s: u64) -> KeptToken {
        KeptToken { token: text.into(), refresh: None, life: Some(Duration::from_secs(life_s)) }
    }

    #[test]
    fn without_a_key_store_the_token_is_in_a_private_file_and_that_is_said_once() {
        let folder = Folder::new("file");
        let keep = || SecretCommand::Keep { account: account("a"), token: token("T1", 3600) };
        assert_eq!(folder.secrets().run(keep()).unwrap().id, "no-key-store");
        assert_eq!(folder.secrets().run(keep()), None);
        let kept = folder.secrets().load("a").unwrap();
        assert_eq!(kept.token.reveal(), "T1");
        assert!(kept.life.unwrap() > Duration::from_secs(3500));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |name: &str| fs::metadata(folder.0.join(name)).unwrap().permissions().mode() & 0o777;
            assert_eq!((mode(TOKENS), mode(ACCOUNTS)), (0o600, 0o600));
        }
        let saved = saved_accounts(&folder.0);
        assert_eq!((saved.len(), saved[0].user.reveal().as_str(), saved[0].in_file), (1, "Ana", true));
    }

    #[test]
    fn several_accounts_stay_apart_and_the_last_used_is_first() {
        let folder = Folder::new("several");
        for key in ["a", "b"] {
            folder.secrets().run(SecretCommand::Keep { account: account(key), token: token(key, 3600) });
        }
        let keys: Vec<_> = saved_accounts(&folder.0).into_iter().map(|account| account.key).collect();
        assert_eq!(keys, ["b", "a"]);
        assert_eq!(folder.secrets().load("a").unwrap().token.reveal(), "a");
        folder.secrets().run(SecretCommand::Forget { key: "a".into() });
        assert!(folder.secrets().load("a").is_none() && folder.secrets().load("b").is_some());
        folder.secrets().run(SecretCommand::Forget { key: "b".into() });
        assert!(!folder.0.join(TOKENS).exists(), "no token is left behind");
    }

    #[test]
    fn a_token_at_its_end_is_not_tried() {
        let folder = Folder::new("old");
        folder.secrets().run(SecretCommand::Keep { account: account("a"), token: token("T", 10) });
        assert_eq!(folder.secrets().load("a"), None);
        let refresh = Some("R".into());
        let token = KeptToken { refresh, ..token("T", 10) };
        folder.secrets().run(SecretCommand::Keep { account: account("a"), token });
        assert!(folder.secrets().load("a").is_some(), "the refresh token may be good");
    }

    #[test]
    fn without_a_folder_nothing_is_kept() {
        let secrets = Secrets { folder: None, system: false };
        assert_eq!(secrets.run(SecretCommand::Keep { account: account("a"), token: token("T", 3600) }), None);
        assert_eq!(secrets.load("a"), None);
    }

    #[test]
    fn broken_files_are_no_accounts() {
        let folder = Folder::new("broken");
        fs::create_dir_all(&folder.0).unwrap();
        for text in ["account = 7", "[[account]]\nkey = 1", "\u{0}"] {
            fs::write(folder.0.join(ACCOUNTS), text).unwrap();
            assert_eq!(saved_accounts(&folder.0), []);
        }
    }
}
