//! Vectors and columns on a device, and the room that they take.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fmt,
    marker::PhantomData,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use ark_bn254::Fr;

use crate::{
    Ints,
    backend::{Backend, Buffer, Bytes, Element, GpuError, Launch, limbs},
    kernels::Kernels,
    zeros,
};

/// Elements more than asked for, so that a layer may be filled up to whole groups of four in its place.
const SPARE: usize = 4;

/// A vector of field elements: on the host where it is small or there is no room, else on the device.
#[derive(Debug)]
pub enum Vector<M> {
    /// On the host.
    Host(Vec<Fr>),
    /// On the device.
    There(Resident<M>),
}

/// A vector on the device.
#[derive(Debug)]
pub struct Resident<M> {
    pub(super) buffer: Buffer<M, Fr>,
    pub(super) len: usize,
    _room: Room,
}

impl<M> Vector<M> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Host(v) => v.len(),
            Self::There(v) => v.len,
        }
    }

    /// What decides whose turn it is: `n` values on the host, and any number on the device.
    pub(super) fn weight(&self, n: usize) -> usize {
        if matches!(self, Self::There(_)) { usize::MAX } else { n }
    }
}

/// Bytes that are taken as long as this lives.
#[derive(Debug)]
pub(super) struct Room {
    used: Arc<AtomicUsize>,
    bytes: usize,
}

impl Drop for Room {
    fn drop(&mut self) {
        self.used.fetch_sub(self.bytes, Relaxed);
    }
}

/// Columns whose integers stay on the device, each as far as there was room. They are known again by where they lie: as long as
/// they are held here nothing else can lie there, and nobody can change them.
pub(super) struct HeldColumns<M> {
    /// By the address of their first integer: length in bytes, and where they are on the device.
    there: BTreeMap<usize, (usize, Buffer<M, Bytes>)>,
    _columns: Arc<Vec<Ints>>,
    _room: Vec<Room>,
}

impl<M> HeldColumns<M> {
    fn find(&self, bytes: &[u8]) -> Option<(&Buffer<M, Bytes>, usize)> {
        let at = bytes.as_ptr() as usize;
        let (first, (length, there)) = self.there.range(..=at).next_back()?;
        let inside = !bytes.is_empty() && at + bytes.len() <= first + length;
        inside.then_some((there, at - first))
    }
}

impl<M> fmt::Debug for HeldColumns<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} columns", self.there.len())
    }
}

/// What a kernel may read at an address, as long as this lives.
pub(super) struct There<'v, M> {
    address: u64,
    _own: Option<Buffer<M, Bytes>>,
    _held: Option<Arc<HeldColumns<M>>>,
    _vector: PhantomData<&'v M>,
}

impl<M> There<'_, M> {
    /// Its address.
    pub(super) fn place(&self) -> u64 {
        self.address
    }
}

impl<'b, B: Backend> Launch<'b, B> {
    /// Memory that the kernel reads.
    pub(super) fn there(self, what: &There<'_, B::Memory>) -> Self {
        self.address(what.address)
    }

    /// Integers, with their kind.
    pub(super) fn ints(self, what: &There<'_, B::Memory>, ints: &Ints) -> Self {
        self.address(what.address).number(ints.kind())
    }
}

/// Memory that a step writes: elements from a place on, of each of its results.
pub(super) type Outputs<'o, M, const K: usize> = [&'o mut Buffer<M, Fr>; K];

impl<B: Backend> Kernels<B> {
    /// Room for what stays on the device. A quarter of all is left to work with.
    pub(super) fn take_room(&self, bytes: usize) -> Option<Room> {
        let room = Room { used: self.used.clone(), bytes };
        let before = self.used.fetch_add(bytes, Relaxed);
        (before.saturating_add(bytes) <= self.tuning.budget / 4 * 3).then_some(room)
    }

    /// An empty place for a vector, where there is room and it is not small.
    pub(super) fn reserve(&self, len: usize) -> Result<Option<Resident<B::Memory>>, GpuError> {
        if len == 0 || len < self.tuning.small {
            return Ok(None);
        }
        let Some(room) = self.take_room((len + SPARE) * Fr::BYTES) else { return Ok(None) };
        Ok(Some(Resident { buffer: Buffer::new(&self.backend, len + SPARE)?, len, _room: room }))
    }

    pub(super) fn try_vector(&self, values: &[Fr]) -> Result<Option<Vector<B::Memory>>, GpuError> {
        let Some(mut place) = self.reserve(values.len())? else { return Ok(None) };
        place.buffer.write_fields(&self.backend, 0, values)?;
        Ok(Some(Vector::There(place)))
    }

    pub(super) fn try_zeros(&self, n: usize) -> Result<Option<Vector<B::Memory>>, GpuError> {
        let Some(mut place) = self.reserve(n)? else { return Ok(None) };
        Launch::new(&self.backend, "zeros", n).out(&mut place.buffer).run()?;
        Ok(Some(Vector::There(place)))
    }

    /// A vector's values. Where the device has lost them they are zeros, and [`Kernels::trouble`] says so.
    #[allow(clippy::owned_cow, reason = "the CPU's vectors are of this type")]
    pub(super) fn host<'v>(&self, values: &'v Vector<B::Memory>) -> Cow<'v, Vec<Fr>> {
        match values {
            Vector::Host(v) => Cow::Borrowed(v),
            Vector::There(v) => Cow::Owned(self.part(v, 0..v.len)),
        }
    }

    /// Some values of a resident vector; zeros where they are lost.
    pub(super) fn part(&self, values: &Resident<B::Memory>, part: Range<usize>) -> Vec<Fr> {
        let n = part.len();
        values.buffer.part(&self.backend, part).unwrap_or_else(|e| {
            let _ = self.trouble.set(e);
            zeros(n)
        })
    }

    /// The same, leaving nothing behind.
    pub(super) fn take(&self, values: &mut Vector<B::Memory>) -> Vec<Fr> {
        match std::mem::replace(values, Vector::Host(Vec::new())) {
            Vector::Host(v) => v,
            Vector::There(v) => self.part(&v, 0..v.len),
        }
    }

    /// A part of a vector for a kernel, brought to the device if it is not there.
    pub(super) fn piece<'v>(
        &self, values: &'v Vector<B::Memory>, part: Range<usize>,
    ) -> Result<There<'v, B::Memory>, GpuError> {
        match values {
            Vector::Host(v) => self.upload(&v[part]),
            Vector::There(v) => Ok(self.resident(v, part)),
        }
    }

    /// The same of one that is there.
    pub(super) fn resident<'v>(&self, v: &'v Resident<B::Memory>, part: Range<usize>) -> There<'v, B::Memory> {
        assert!(part.start <= part.end && part.end <= v.len, "a part of a vector");
        let address = v.buffer.address(&self.backend, part.start);
        There { address, _own: None, _held: None, _vector: PhantomData }
    }

    /// Values for a kernel.
    pub(super) fn upload(&self, values: &[Fr]) -> Result<There<'static, B::Memory>, GpuError> {
        self.upload_words(&limbs(values))
    }

    pub(super) fn upload_words(&self, words: &[u64]) -> Result<There<'static, B::Memory>, GpuError> {
        self.upload_bytes(bytemuck::cast_slice(words))
    }

    pub(super) fn upload_bytes(&self, bytes: &[u8]) -> Result<There<'static, B::Memory>, GpuError> {
        let own = Buffer::<_, Bytes>::from_bytes(&self.backend, bytes)?;
        let address = own.address(&self.backend, 0);
        Ok(There { address, _own: Some(own), _held: None, _vector: PhantomData })
    }

    /// A part of a column for a kernel, brought to the device if it is not held there.
    pub(super) fn ints(&self, ints: &Ints, part: Range<usize>) -> Result<There<'static, B::Memory>, GpuError> {
        let bytes = ints.bytes(part);
        let held = read(&self.held);
        for held in held.iter().filter_map(std::sync::Weak::upgrade) {
            if let Some((there, at)) = held.find(bytes) {
                let address = there.address(&self.backend, at);
                return Ok(There { address, _own: None, _held: Some(held), _vector: PhantomData });
            }
        }
        self.upload_bytes(bytes)
    }

    /// Brings columns to the device, as long as there is room.
    pub(super) fn try_hold(&self, columns: &Arc<Vec<Ints>>) -> Result<Arc<HeldColumns<B::Memory>>, GpuError> {
        let mut held = HeldColumns { there: BTreeMap::new(), _columns: columns.clone(), _room: Vec::new() };
        for column in columns.iter().filter(|c| !c.is_empty()) {
            let bytes = column.bytes(0..column.len());
            if let Some(room) = self.take_room(bytes.len()) {
                let there = Buffer::from_bytes(&self.backend, bytes)?;
                held.there.insert(bytes.as_ptr() as usize, (bytes.len(), there));
                held._room.push(room);
            }
        }
        let held = Arc::new(held);
        let mut all = self.held.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        all.retain(|held| held.strong_count() > 0);
        all.push(Arc::downgrade(&held));
        Ok(held)
    }

    /// `K` vectors of `n` values that a step makes part by part, each part taking `bytes` a value beside them: on the device where
    /// there is room, else on the host. `step` writes the values of a part, from the given place of its outputs on.
    pub(super) fn produce<const K: usize>(
        &self, n: usize, bytes: usize, unit: usize,
        mut step: impl FnMut(Outputs<'_, B::Memory, K>, usize, Range<usize>) -> Result<(), GpuError>,
    ) -> Result<[Vector<B::Memory>; K], GpuError> {
        let places: Vec<_> = (0..K).map_while(|_| self.reserve(n).transpose()).collect::<Result<_, _>>()?;
        if let Ok(mut places) = <[Resident<_>; K]>::try_from(places) {
            for part in self.parts(n, bytes, unit) {
                step(places.each_mut().map(|p| &mut p.buffer), part.start, part)?;
            }
            return Ok(places.map(Vector::There));
        }
        let mut all = [(); K].map(|()| Vec::with_capacity(n));
        for part in self.parts(n, bytes + K * Fr::BYTES, unit) {
            let outputs = [(); K].map(|()| Buffer::new(&self.backend, part.len()));
            let mut outputs = outputs.into_iter().collect::<Result<Vec<_>, _>>()?;
            let own: Vec<&mut Buffer<_, Fr>> = outputs.iter_mut().collect();
            step(own.try_into().unwrap_or_else(|_| unreachable!("as many as results")), 0, part)?;
            for (to, from) in all.iter_mut().zip(&outputs) {
                to.extend(from.fields(&self.backend)?);
            }
        }
        Ok(all.map(Vector::Host))
    }

    /// Writes values of one vector into another, from `at` on.
    pub(super) fn put(&self, to: &mut Vector<B::Memory>, at: usize, from: &Vector<B::Memory>) -> Result<(), GpuError> {
        match (to, from) {
            (Vector::Host(to), from) => to[at..at + from.len()].copy_from_slice(&self.host(from)),
            (Vector::There(to), Vector::Host(from)) => to.buffer.write_fields(&self.backend, at, from)?,
            (Vector::There(to), Vector::There(from)) => {
                assert!(at + from.len <= to.len, "a part of a vector");
                Launch::new(&self.backend, "copy", from.len).out_from(&mut to.buffer, at).input(&from.buffer).run()?;
            }
        }
        Ok(())
    }

    /// Fills up to `n` values where the device has the place for them.
    pub(super) fn try_extend(&self, values: &mut Vector<B::Memory>, pair: [Fr; 2], n: usize) -> Result<bool, GpuError> {
        let Vector::There(v) = values else { return Ok(false) };
        let more: Vec<Fr> = pair.into_iter().cycle().take(n.saturating_sub(v.len)).collect();
        if v.len + more.len() > v.buffer.len() {
            return Ok(false);
        }
        if !more.is_empty() {
            v.buffer.write_fields(&self.backend, v.len, &more)?;
            v.len += more.len();
        }
        Ok(true)
    }
}

/// What a lock guards, whoever panicked.
pub(super) fn read<T>(lock: &std::sync::RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(std::sync::PoisonError::into_inner)
}
