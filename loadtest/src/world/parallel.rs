//! Doing the same for many, a few at a time.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinSet;

/// Does `work` for each of `things`, by `hands` at a time, and answers the results in the order of the things.
pub async fn each<T, R, F>(hands: usize, things: Vec<T>, work: impl Fn(T) -> F + Clone + Send + 'static) -> anyhow::Result<Vec<R>>
where
    T: Send + 'static,
    R: Send + 'static,
    F: Future<Output = anyhow::Result<R>> + Send,
{
    let queue: Arc<Mutex<VecDeque<(usize, T)>>> = Arc::new(Mutex::new(things.into_iter().enumerate().collect()));
    let mut set = JoinSet::new();
    for _ in 0..hands {
        let (queue, work) = (Arc::clone(&queue), work.clone());
        set.spawn(async move {
            let mut done = Vec::new();
            loop {
                let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                let Some((place, thing)) = next else { return anyhow::Ok(done) };
                done.push((place, work(thing).await?));
            }
        });
    }
    let mut results = Vec::new();
    while let Some(done) = set.join_next().await {
        results.extend(done??);
    }
    results.sort_by_key(|(place, _)| *place);
    Ok(results.into_iter().map(|(_, result)| result).collect())
}
