/// Returns when the person or the system asks the program to end: Ctrl-C, or SIGTERM.
pub(crate) async fn asked_to_end() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    // Without a handler for it nothing but the default, which ends the program, is left.
    let _ = tokio::signal::ctrl_c().await;
}
