//! What systemd is told of us, where it started us (`Type=notify`, `Type=notify-reload`).

#[cfg(unix)]
use sd_notify::NotifyState;

/// We serve; `status` is what `systemctl status` shows.
pub(super) fn ready(status: &str) {
    #[cfg(unix)]
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
    #[cfg(not(unix))]
    let _ = status;
}

/// The config is being read again; [`ready`] is told next.
pub(super) fn reloading() {
    #[cfg(unix)]
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        // Without the time systemd would take it for a failure.
        Err(error) => tracing::debug!(%error, "systemd is not told of the reload"),
    }
}

/// We drain.
pub(super) fn stopping() {
    #[cfg(unix)]
    tell(&[NotifyState::Stopping, NotifyState::Status("draining")]);
}

#[cfg(unix)]
fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "systemd cannot be told how we are");
    }
}
