//! Every setting there is. Made from packaging/policy/schema.toml by `cargo xtask policy`; do not edit.

/// How many settings there are.
pub const COUNT: usize = 34;

/// The registry key below `HKEY_LOCAL_MACHINE` and `HKEY_CURRENT_USER`.
pub const REGISTRY: &str = "SOFTWARE\\Policies\\Offhook";
/// The preferences domain on macOS.
pub const MACOS_DOMAIN: &str = "io.offhook.offhook";

/// One setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Setting {
    /// Address of the exchange
    Exchange,
    /// Region
    Region,
    /// Client ID
    ClientId,
    /// Provisioning folder
    Provisioning,
    /// Redirect ports
    RedirectPorts,
    /// Sign-in host
    HostsLogin,
    /// API host
    HostsApi,
    /// Streaming host
    HostsStreaming,
    /// Extra certificates
    Ca,
    /// Account
    Account,
    /// Answer calls automatically
    AutoAnswer,
    /// Persistent connection
    PersistentConnection,
    /// Persistent connection timeout
    PersistentTimeout,
    /// Force TURN
    ForceRelay,
    /// Relay servers of the site
    RelayServers,
    /// Choice of relay
    RelayChoice,
    /// Relay region
    RelayRegion,
    /// Media DSCP
    Dscp,
    /// Transport DSCP
    TransportDscp,
    /// Microphone
    SoundMicrophone,
    /// Speaker
    SoundSpeaker,
    /// Ringer
    SoundRinger,
    /// Cancel echo
    SoundCancelEcho,
    /// Reduce noise
    SoundReduceNoise,
    /// Automatic level
    SoundEvenOut,
    /// Theme
    WindowTheme,
    /// Text size
    WindowTextSize,
    /// Reduce motion
    WindowReduceMotion,
    /// Updates
    UpdateMode,
    /// Feed of versions
    UpdateFeed,
    /// Key of the feed
    UpdateKey,
    /// Channel
    UpdateChannel,
    /// Hours
    UpdateHours,
    /// Log level
    Log,
}

impl Setting {
    /// In the order of the schema.
    pub const ALL: [Self; COUNT] = [
        Self::Exchange,
        Self::Region,
        Self::ClientId,
        Self::Provisioning,
        Self::RedirectPorts,
        Self::HostsLogin,
        Self::HostsApi,
        Self::HostsStreaming,
        Self::Ca,
        Self::Account,
        Self::AutoAnswer,
        Self::PersistentConnection,
        Self::PersistentTimeout,
        Self::ForceRelay,
        Self::RelayServers,
        Self::RelayChoice,
        Self::RelayRegion,
        Self::Dscp,
        Self::TransportDscp,
        Self::SoundMicrophone,
        Self::SoundSpeaker,
        Self::SoundRinger,
        Self::SoundCancelEcho,
        Self::SoundReduceNoise,
        Self::SoundEvenOut,
        Self::WindowTheme,
        Self::WindowTextSize,
        Self::WindowReduceMotion,
        Self::UpdateMode,
        Self::UpdateFeed,
        Self::UpdateKey,
        Self::UpdateChannel,
        Self::UpdateHours,
        Self::Log,
    ];
}
