//! The pacer: a thread of its own that does nothing but sleep until the next planned moment.
//!
//! The runtime's timers tick in whole milliseconds, which is as long as a scan takes; the kernel's are exact to some tens of
//! microseconds. Whatever the pacer is late is counted, for a latency begins at the planned moment.

use std::time::Instant;

use tokio::sync::{mpsc, oneshot};

use super::{Job, Plan};

/// A job whose moment has come.
pub struct Due {
    /// The planned moment.
    pub at: Instant,
    pub job: Job,
}

/// Hands the plan's jobs to the devices, each at its moment. Returns when the last one is handed out.
pub fn start(plan: Plan, lanes: Vec<mpsc::UnboundedSender<Due>>) -> oneshot::Receiver<()> {
    let (done, finished) = oneshot::channel();
    std::thread::spawn(move || {
        let begun = Instant::now();
        for planned in plan {
            let at = begun + planned.at;
            let now = Instant::now();
            if at > now {
                std::thread::sleep(at - now);
            }
            // A device that is gone has said why.
            if let Some(lane) = lanes.get(planned.device) {
                let _ = lane.send(Due { at, job: planned.job });
            }
        }
        let _ = done.send(());
    });
    finished
}
