//! The container of every file that Talea writes, and the one way to write a file.
//!
//! | bytes | holds |
//! |---|---|
//! | 0..8 | magic `TALEA\r\n\x1a` (a text-mode copy or a truncation breaks it visibly) |
//! | 8..16 | kind, ASCII, padded with spaces |
//! | 16..20 | version of that kind, u32 little-endian |
//! | 20..28 | payload length, u64 little-endian |
//! | 28..60 | BLAKE3 of bytes 0..28 followed by the payload |
//! | 60.. | payload: the bincode format (fixed-width little-endian integers, u64 lengths), through wincode |

use std::{
    io::{BufReader, BufWriter, Read, Seek as _, SeekFrom, Write as _},
    path::Path,
};

use wincode::{SchemaRead, SchemaWrite, config::Configuration};

use crate::error::{Error, Result, read};

const MAGIC: [u8; 8] = *b"TALEA\r\n\x1a";
const HEADER: usize = 60;

/// The bincode format with room for columns of up to 4 GiB each; wincode refuses longer ones before it allocates.
pub type Format = Configuration<true, { 1 << 32 }>;
const FORMAT: Format = Configuration::default().with_preallocation_size_limit::<{ 1 << 32 }>();

/// A value with a file of its own.
pub trait Artefact: Sized {
    /// Kind: at most 8 ASCII bytes.
    const KIND: &'static str;
    /// Raised whenever the payload's layout or meaning changes.
    const VERSION: u32;
}

/// BLAKE3 of a byte string, the digest used for files.
pub fn digest(bytes: &[u8]) -> [u8; 32] {
    *blake3::hash(bytes).as_bytes()
}

/// Lower-case hex of a digest.
pub fn hex(d: &[u8; 32]) -> String {
    blake3::Hash::from_bytes(*d).to_hex().to_string()
}

fn header<T: Artefact>(payload_len: u64) -> [u8; 28] {
    let mut h = [b' '; 28];
    h[..8].copy_from_slice(&MAGIC);
    for (to, from) in h[8..16].iter_mut().zip(T::KIND.bytes()) {
        *to = from;
    }
    h[16..20].copy_from_slice(&T::VERSION.to_le_bytes());
    h[20..28].copy_from_slice(&payload_len.to_le_bytes());
    h
}

fn seal(header: &[u8], payload: &[u8]) -> [u8; 32] {
    *blake3::Hasher::new().update(header).update(payload).finalize().as_bytes()
}

/// The file's bytes.
///
/// # Panics
/// If a column is larger than 4 GiB; [`save`] returns an error instead.
pub fn encode<T: Artefact + SchemaWrite<Format, Src = T>>(value: &T) -> Vec<u8> {
    try_encode(value).expect("columns stay below the format's 4 GiB limit")
}

fn try_encode<T: Artefact + SchemaWrite<Format, Src = T>>(value: &T) -> Result<Vec<u8>, wincode::WriteError> {
    let payload = wincode::config::serialize(value, FORMAT)?;
    let head = header::<T>(payload.len() as u64);
    let mut out = Vec::with_capacity(HEADER + payload.len());
    out.extend_from_slice(&head);
    out.extend_from_slice(&seal(&head, &payload));
    out.extend_from_slice(&payload);
    Ok(out)
}

/// Parses and checks a file's bytes; `name` appears in errors.
pub fn decode<T>(name: &str, bytes: &[u8]) -> Result<T>
where
    T: Artefact + for<'a> SchemaRead<'a, Format, Dst = T>,
{
    let bad = |field: &str, found: String, expected: String| Err(Error::input(name, field, found, expected));
    let Some((head, rest)) = bytes.split_at_checked(28) else {
        return bad("length", format!("{} bytes", bytes.len()), format!("at least {HEADER}"));
    };
    let Some((sum, payload)) = rest.split_at_checked(32) else {
        return bad("length", format!("{} bytes", bytes.len()), format!("at least {HEADER}"));
    };
    let want = header::<T>(payload.len() as u64);
    let show = |b: &[u8]| b.escape_ascii().to_string();
    if head[..8] != want[..8] {
        return bad("magic", show(&head[..8]), show(&MAGIC));
    }
    if head[8..16] != want[8..16] {
        return bad("kind", show(&head[8..16]), show(&want[8..16]));
    }
    if head[16..20] != want[16..20] {
        let v = head[16..20].iter().rev().fold(0u32, |a, b| a << 8 | u32::from(*b));
        return bad("version", v.to_string(), T::VERSION.to_string());
    }
    if head[20..] != want[20..] {
        return bad("payload length", format!("{} bytes", payload.len()), "the length that the header gives".into());
    }
    if seal(head, payload) != sum {
        return bad("digest", "bytes that do not hash to it".into(), "an unaltered file".into());
    }
    wincode::config::deserialize_exact(payload, FORMAT)
        .or_else(|e| bad("payload", e.to_string(), format!("a {} of version {}", T::KIND, T::VERSION)))
}

/// Writes an artefact (see [`write_file`]) and returns the BLAKE3 of the file.
pub fn save<T: Artefact + SchemaWrite<Format, Src = T>>(path: &Path, value: &T) -> Result<[u8; 32]> {
    let bytes =
        try_encode(value).map_err(|e| Error::input(path.display(), "payload", e, "columns of at most 4 GiB"))?;
    write_file(path, &bytes)?;
    Ok(digest(&bytes))
}

/// Reads an artefact and the BLAKE3 of its file.
pub fn load<T>(path: &Path) -> Result<(T, [u8; 32])>
where
    T: Artefact + for<'a> SchemaRead<'a, Format, Dst = T>,
{
    let bytes = read(path)?;
    Ok((decode(&path.display().to_string(), &bytes)?, digest(&bytes)))
}

/// Beginning of a temporary file's name; a killed process may leave one behind.
pub const UNFINISHED: &str = ".talea-";

/// Writes to a temporary name beside `path`, syncs, renames, syncs the folder: a reader sees the old file or the new one.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    write_with(path, |file| file.write_all(bytes))
}

fn write_with(path: &Path, write: impl FnOnce(&mut std::fs::File) -> std::io::Result<()>) -> Result<()> {
    let dir = match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p,
        _ => Path::new("."),
    };
    let io = |e| Error::io(path, e);
    std::fs::create_dir_all(dir).map_err(io)?;
    let mut tmp = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(dir).map_err(io)?;
    write(tmp.as_file_mut()).map_err(io)?;
    tmp.as_file().sync_all().map_err(io)?;
    tmp.persist(path).map_err(|e| io(e.error))?;
    std::fs::File::open(dir).and_then(|d| d.sync_all()).map_err(io)
}

/// Writes a file of kind T whose payload does not fit in memory twice: the same header and seal, the payload as it comes.
///
/// # Errors
/// The system's.
pub fn save_stream<T: Artefact>(
    path: &Path, write: impl FnOnce(&mut BufWriter<&mut std::fs::File>) -> std::io::Result<()>,
) -> Result<()> {
    write_with(path, |file| {
        file.write_all(&[0; HEADER])?;
        let mut to = BufWriter::with_capacity(1 << 20, &mut *file);
        write(&mut to)?;
        to.flush()?;
        drop(to);
        let length = file.stream_position()? - HEADER as u64;
        let head = header::<T>(length);
        file.seek(SeekFrom::Start(HEADER as u64))?;
        let sum = seal_stream(&head, file)?;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&head)?;
        file.write_all(&sum)
    })
}

/// Opens what [`save_stream`] wrote, after checking its seal; the reader stands at the payload.
///
/// # Errors
/// The system's; another kind of file, or one that was altered.
pub fn open_stream<T: Artefact>(path: &Path) -> Result<BufReader<std::fs::File>> {
    let io = |e| Error::io(path, e);
    let bad = |field: &str, found: &str, expected: &str| Err(Error::input(path.display(), field, found, expected));
    let mut file = std::fs::File::open(path).map_err(io)?;
    let length = file.metadata().map_err(io)?.len();
    let mut head = [0; HEADER];
    if length < HEADER as u64 {
        return bad("length", "fewer bytes than a header's", "a whole file");
    }
    file.read_exact(&mut head).map_err(io)?;
    let (own, sum) = head.split_at(28);
    if own != header::<T>(length - HEADER as u64) {
        return bad("header", "another kind, version or length", T::KIND);
    }
    if seal_stream(own, &mut file).map_err(io)? != sum {
        return bad("digest", "bytes that do not hash to it", "an unaltered file");
    }
    file.seek(SeekFrom::Start(HEADER as u64)).map_err(io)?;
    Ok(BufReader::with_capacity(1 << 20, file))
}

/// The seal of a header and everything that a reader still has.
fn seal_stream(head: &[u8], from: &mut impl Read) -> std::io::Result<[u8; 32]> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(head);
    hasher.update_reader(from)?;
    Ok(*hasher.finalize().as_bytes())
}
