//! The tickets of one event in little memory: about a hundred bytes each with their last movement, so that a venue of a million fits
//! beside everything else.
//!
//! Tickets are stored in blocks of a fixed size, in shards by the hash of their code, and never move; a table of places finds them. What many
//! tickets share (a ticket type, a gate, a device) is kept once and referred to by a number.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash, RandomState},
    sync::{
        PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicUsize, Ordering},
    },
};

use hashbrown::HashTable;

use crate::{
    clock::Moment,
    ids::{DeviceId, TicketId, TicketTypeId},
    ledger::{
        kinds::{Direction, TicketStatus},
        rows::{Movement, Ticket, Version},
    },
    limits,
};

/// Tickets in one block.
const BLOCK: usize = 256;
/// Parts of a table that are locked each by itself.
const SHARDS: usize = 32;

/// Where a movement was made.
#[derive(Clone, PartialEq, Eq, Hash)]
struct GateAndDevice {
    gate: Option<String>,
    device: Option<(DeviceId, Option<String>)>,
}

/// Values that many share, each with a number.
struct Shared<T>(RwLock<(Vec<T>, HashMap<T, u32>)>);

impl<T: Clone + Eq + Hash> Shared<T> {
    fn new() -> Self {
        Self(RwLock::default())
    }

    /// The number of this value; none when there are too many.
    fn number(&self, value: &T) -> Option<u32> {
        if let Some(known) = read(&self.0).1.get(value) {
            return Some(*known);
        }
        let mut shared = write(&self.0);
        let (all, numbers) = &mut *shared;
        if let Some(known) = numbers.get(value) {
            return Some(*known);
        }
        let next =
            u32::try_from(all.len()).ok().filter(|next| usize::try_from(*next).is_ok_and(|n| n < limits::WARM_SPOTS_PER_EVENT_MAX))?;
        all.push(value.clone());
        numbers.insert(value.clone(), next);
        Some(next)
    }

    fn value(&self, number: u32) -> Option<T> {
        read(&self.0).0.get(usize::try_from(number).ok()?).cloned()
    }
}

/// A movement, but for what it shares.
#[derive(Clone, Copy)]
struct Last {
    seq: i32,
    used: i32,
    inside: i32,
    spot: u32,
    /// When it was recorded: seconds since 1970, and milliseconds. In one number they would take half as much again.
    second: u32,
    millisecond: u16,
    direction: Direction,
}

/// A ticket, but for what it shares. What does not fit is not kept, and read from the ledger each time.
struct StoredTicket {
    id: TicketId,
    /// The code, and behind it the holder: one piece of memory for both.
    texts: Box<str>,
    window: Option<Box<(Option<Moment>, Option<Moment>)>>,
    last: Option<Last>,
    version: u32,
    entries_allowed: i32,
    ticket_type: u16,
    code_bytes: u16,
    has_holder: bool,
    status: TicketStatus,
}

impl StoredTicket {
    fn of(ticket: Ticket, ticket_type: u32, last: Option<Last>) -> Option<Self> {
        let window = (ticket.valid_from, ticket.valid_until);
        let (ticket_type, code_bytes) = (u16::try_from(ticket_type).ok()?, u16::try_from(ticket.code.len()).ok()?);
        let version = u32::try_from(ticket.version).ok()?;
        let has_holder = ticket.holder.is_some();
        let mut texts = ticket.code;
        texts.push_str(ticket.holder.as_deref().unwrap_or_default());
        Some(Self {
            id: ticket.id,
            texts: texts.into_boxed_str(),
            window: (window != (None, None)).then(|| Box::new(window)),
            last,
            version,
            entries_allowed: ticket.entries_allowed,
            ticket_type,
            code_bytes,
            has_holder,
            status: ticket.status,
        })
    }

    fn code(&self) -> &str {
        self.texts.get(..usize::from(self.code_bytes)).unwrap_or_default()
    }

    fn holder(&self) -> Option<&str> {
        self.texts.get(usize::from(self.code_bytes)..).filter(|_| self.has_holder)
    }
}

#[derive(Default)]
struct Shard {
    places: HashTable<u32>,
    blocks: Vec<Vec<StoredTicket>>,
}

impl Shard {
    fn at(&self, place: u32) -> Option<&StoredTicket> {
        let place = usize::try_from(place).ok()?;
        self.blocks.get(place / BLOCK)?.get(place % BLOCK)
    }

    fn at_mut(&mut self, place: u32) -> Option<&mut StoredTicket> {
        let place = usize::try_from(place).ok()?;
        self.blocks.get_mut(place / BLOCK)?.get_mut(place % BLOCK)
    }

    fn find(&self, hash: u64, code: &str) -> Option<u32> {
        self.places.find(hash, |place| self.at(*place).is_some_and(|kept| kept.code() == code)).copied()
    }

    /// A look-up of the ticket at this place finds none.
    fn forget(&mut self, hash: u64, place: Option<u32>) {
        if let Ok(entry) = self.places.find_entry(hash, |known| Some(*known) == place) {
            entry.remove();
        }
    }

    fn add(&mut self, hash: u64, kept: StoredTicket, rehash: impl Fn(&str) -> u64) {
        let full = self.blocks.len().saturating_sub(1) * BLOCK;
        let last = self.blocks.last().map_or(BLOCK, Vec::len);
        let Ok(place) = u32::try_from(if last == BLOCK { self.blocks.len() * BLOCK } else { full + last }) else { return };
        match self.blocks.last_mut() {
            Some(block) if last < BLOCK => block.push(kept),
            _ => {
                let mut block = Vec::with_capacity(BLOCK);
                block.push(kept);
                self.blocks.push(block);
            }
        }
        let Self { places, blocks } = self;
        let hash_at = |place: &u32| {
            let place = usize::try_from(*place).unwrap_or_default();
            blocks.get(place / BLOCK).and_then(|block| block.get(place % BLOCK)).map_or(0, |kept| rehash(kept.code()))
        };
        places.insert_unique(hash, place, hash_at);
    }
}

/// Where a ticket lies on its table, and goes on lying.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    shard: usize,
    place: u32,
}

/// The tickets of one event, by code.
pub struct TicketTable {
    shards: Vec<RwLock<Shard>>,
    hasher: RandomState,
    count: AtomicUsize,
    types: Shared<TicketTypeId>,
    spots: Shared<GateAndDevice>,
}

impl Default for TicketTable {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| RwLock::default()).collect(),
            hasher: RandomState::new(),
            count: AtomicUsize::new(0),
            types: Shared::new(),
            spots: Shared::new(),
        }
    }
}

impl TicketTable {
    /// Whether it holds as many tickets as it may.
    pub fn is_full(&self) -> bool {
        self.count.load(Ordering::Relaxed) >= limits::WARM_TICKETS_PER_EVENT_MAX
    }

    /// Where the ticket with this code lies, if it is here.
    pub fn place(&self, code: &str) -> Option<Slot> {
        let (hash, shard) = self.shard(code);
        Some(Slot { shard, place: read(self.shards.get(shard)?).find(hash, code)? })
    }

    /// The ticket with this code and its last movement, if it is here; and where.
    pub fn ticket(&self, code: &str) -> Option<(Slot, Ticket, Option<Movement>)> {
        let (hash, number) = self.shard(code);
        let shard = read(self.shards.get(number)?);
        let place = shard.find(hash, code)?;
        let kept = shard.at(place)?;
        let ticket = Ticket {
            id: kept.id,
            ticket_type_id: self.types.value(u32::from(kept.ticket_type))?,
            code: code.to_owned(),
            holder: kept.holder().map(str::to_owned),
            status: kept.status,
            entries_allowed: kept.entries_allowed,
            valid_from: kept.window.as_ref().and_then(|window| window.0),
            valid_until: kept.window.as_ref().and_then(|window| window.1),
            version: Version::from(kept.version),
        };
        Some((Slot { shard: number, place }, ticket, kept.last.and_then(|last| self.movement(last))))
    }

    /// Keeps the newer of what is known and what was read.
    pub fn keep(&self, ticket: Ticket, last: Option<&Movement>) {
        let (hash, shard) = self.shard(&ticket.code);
        let Some(shard) = self.shards.get(shard) else { return };
        let ticket_type = self.types.number(&ticket.ticket_type_id);
        let last = last.and_then(|movement| self.last(movement));
        let mut shard = write(shard);
        let place = shard.find(hash, &ticket.code);
        match place.and_then(|place| shard.at_mut(place)) {
            Some(known) => {
                if last.map(|l| l.seq) > known.last.map(|l| l.seq) {
                    known.last = last;
                }
                if ticket.version > Version::from(known.version) {
                    match ticket_type.and_then(|number| StoredTicket::of(ticket, number, known.last)) {
                        Some(newer) => *known = newer,
                        // What is known is no longer true.
                        None => shard.forget(hash, place),
                    }
                }
            }
            None if self.is_full() => {}
            None => {
                let Some(kept) = ticket_type.and_then(|number| StoredTicket::of(ticket, number, last)) else { return };
                self.count.fetch_add(1, Ordering::Relaxed);
                shard.add(hash, kept, |code| self.hasher.hash_one(code));
            }
        }
    }

    /// A movement of the ticket that lies here was recorded.
    pub fn moved(&self, Slot { shard, place }: Slot, movement: &Movement) {
        let (Some(shard), Some(last)) = (self.shards.get(shard), self.last(movement)) else { return };
        if let Some(known) = write(shard).at_mut(place)
            && known.last.is_none_or(|known| known.seq < last.seq)
        {
            known.last = Some(last);
        }
    }

    /// The hash of a code, and the number of the shard that it belongs to.
    fn shard(&self, code: &str) -> (u64, usize) {
        let hash = self.hasher.hash_one(code);
        // The table within a shard goes by the lowest and the highest bits.
        (hash, usize::try_from(hash >> 32).unwrap_or_default() % SHARDS)
    }

    fn last(&self, movement: &Movement) -> Option<Last> {
        let device = movement.device_id.map(|id| (id, movement.device_name.clone()));
        let spot = self.spots.number(&GateAndDevice { gate: movement.gate.clone(), device })?;
        let second = u32::try_from(movement.recorded_at.timestamp()).ok()?;
        Some(Last {
            seq: movement.seq,
            used: movement.used,
            inside: movement.inside,
            spot,
            second,
            millisecond: u16::try_from(movement.recorded_at.timestamp_subsec_millis()).ok()?,
            direction: movement.direction,
        })
    }

    fn movement(&self, last: Last) -> Option<Movement> {
        let GateAndDevice { gate, device } = self.spots.value(last.spot)?;
        let (device_id, device_name) = device.map_or((None, None), |(id, name)| (Some(id), name));
        Some(Movement {
            seq: last.seq,
            direction: last.direction,
            used: last.used,
            inside: last.inside,
            gate,
            recorded_at: Moment::from_timestamp_millis(i64::from(last.second) * 1_000 + i64::from(last.millisecond))?,
            device_id,
            device_name,
        })
    }
}

// Nothing panics while it holds one of these locks; should it, what is kept is whole all the same.
fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop")]

    use uuid::Uuid;

    use super::*;
    use crate::clock::Clock;

    fn ticket(code: &str, version: Version) -> Ticket {
        Ticket {
            id: TicketId(Uuid::from_u128(7)),
            ticket_type_id: TicketTypeId(Uuid::from_u128(8)),
            code: code.to_owned(),
            holder: Some("Ada".to_owned()),
            status: TicketStatus::Valid,
            entries_allowed: 2,
            valid_from: None,
            valid_until: Some(Moment::from_timestamp_millis(5_000).unwrap()),
            version,
        }
    }

    fn movement(seq: i32) -> Movement {
        Movement {
            seq,
            direction: Direction::In,
            used: seq,
            inside: seq,
            gate: Some("North".to_owned()),
            recorded_at: Clock::of_this_machine().now(),
            device_id: Some(DeviceId(Uuid::from_u128(9))),
            device_name: Some("Phone".to_owned()),
        }
    }

    /// The ticket with this code, wherever it lies.
    fn lying(table: &TicketTable, code: &str) -> Option<(Ticket, Option<Movement>)> {
        table.ticket(code).map(|(_, ticket, last)| (ticket, last))
    }

    #[test]
    fn what_is_kept_comes_back_whole() {
        let table = TicketTable::default();
        let (kept, last) = (ticket("A", 3), movement(1));
        table.keep(kept.clone(), Some(&last));
        assert_eq!(lying(&table, "A"), Some((kept, Some(last.clone()))));
        let nobodys = Ticket { holder: None, valid_until: None, ..ticket("AA", 3) };
        table.keep(nobodys.clone(), Some(&last));
        assert_eq!(lying(&table, "AA"), Some((nobodys, Some(last))));
        assert_eq!(lying(&table, "B"), None);
    }

    #[test]
    fn the_newer_of_two_is_kept_whichever_comes_last() {
        let table = TicketTable::default();
        let void = Ticket { status: TicketStatus::Void, ..ticket("A", 4) };
        for ticket in [ticket("A", 3), void.clone(), ticket("A", 2)] {
            table.keep(ticket, None);
        }
        for seq in [2, 3, 1] {
            table.moved(table.place("A").unwrap(), &movement(seq));
        }
        table.keep(ticket("A", 1), Some(&movement(1)));
        let (kept, last) = lying(&table, "A").unwrap();
        assert_eq!((kept, last.unwrap().seq), (void, 3));
    }

    #[test]
    fn what_cannot_be_kept_is_not_returned() {
        let table = TicketTable::default();
        table.keep(ticket("A", 3), None);
        table.keep(ticket("A", Version::from(u32::MAX) + 1), None);
        assert_eq!(lying(&table, "A"), None);
        table.keep(ticket("A", 5), None);
        assert!(lying(&table, "A").is_some());
    }

    #[test]
    fn every_ticket_of_many_is_found() {
        let table = TicketTable::default();
        let code = |n: u32| format!("T{n:06}");
        for n in 0..20_000 {
            table.keep(Ticket { entries_allowed: i32::try_from(n).unwrap(), ..ticket(&code(n), 0) }, None);
        }
        for n in 0..20_000 {
            assert_eq!(lying(&table, &code(n)).unwrap().0.entries_allowed, i32::try_from(n).unwrap());
        }
    }

    #[test]
    fn a_ticket_takes_little_room() {
        assert!(size_of::<StoredTicket>() <= 80, "{}", size_of::<StoredTicket>());
    }
}
