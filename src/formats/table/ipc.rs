//! The frame of an Arrow file: where its messages lie, checked before they are decoded.
//!
//! The decoder takes offsets and lengths inside a message at their word, so every one of them is compared with
//! the length of the file first.

use std::io::Cursor;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::convert::try_fb_to_schema;
use arrow_ipc::reader::{FileDecoder, StreamReader, read_footer_length};
use arrow_ipc::{Block, CompressionType, Endianness, Message, root_as_footer, root_as_message};
use arrow_schema::{DataType, SchemaRef};

use super::columnar;
use super::values::normal_type;
use crate::diag::{Error, Result};

const MAGIC: &[u8] = b"ARROW1";
const CONTINUATION: [u8; 4] = [0xff; 4];

/// No compression in use makes data smaller than this.
const MOST_COMPRESSED: u64 = 256;

/// All record batches of an Arrow file or stream.
///
/// # Errors
/// When the file is of another kind, damaged, or compressed in a way that is not built in.
pub(super) fn batches(bytes: Vec<u8>) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    if bytes.starts_with(MAGIC) {
        of_file(&Buffer::from_vec(bytes))
    } else if bytes.starts_with(&CONTINUATION) {
        of_stream(bytes)
    } else if bytes.starts_with(b"FEA1") {
        Err(Error::format("the file is Feather version 1")
            .help("save it as Feather version 2, or as Parquet"))
    } else {
        Err(Error::format("the file is not an Arrow file: it does not begin with ARROW1"))
    }
}

fn of_file(bytes: &Buffer) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    let damaged = || Error::format("the Arrow file has no sound footer; it may be cut short");
    let tail = bytes.len().checked_sub(10).ok_or_else(damaged)?;
    let trailer: [u8; 10] = bytes.get(tail..).and_then(|t| t.try_into().ok()).ok_or_else(damaged)?;
    let length = read_footer_length(trailer).map_err(|_| damaged())?;
    let footer = tail.checked_sub(length).and_then(|start| bytes.get(start..tail)).ok_or_else(damaged)?;
    let footer = root_as_footer(footer).map_err(|_| damaged())?;
    let schema = footer.schema().ok_or_else(damaged)?;
    if schema.endianness() != Endianness::Little {
        return Err(Error::format("the Arrow file is in big-endian byte order"));
    }
    let schema = Arc::new(try_fb_to_schema(schema).map_err(|cause| columnar::damaged("Arrow", &cause))?);
    check_types(&schema)?;
    let mut decoder = FileDecoder::new(schema.clone(), footer.version());
    for block in footer.dictionaries().iter().flatten() {
        let message = message_of(bytes, block)?;
        decoder.read_dictionary(block, &message).map_err(|cause| columnar::damaged("Arrow", &cause))?;
    }
    let mut batches = Vec::new();
    for block in footer.recordBatches().iter().flatten() {
        let message = message_of(bytes, block)?;
        batches.extend(
            decoder.read_record_batch(block, &message).map_err(|cause| columnar::damaged("Arrow", &cause))?,
        );
    }
    Ok((schema, batches))
}

/// Refuses types that a table cannot hold before anything of them is decoded.
fn check_types(schema: &SchemaRef) -> Result<()> {
    let strange = schema.fields().iter().find(|f| normal_type(f.data_type()).is_none());
    strange.map_or(Ok(()), |field| {
        let (name, data_type): (&str, &DataType) = (field.name(), field.data_type());
        Err(Error::format(format!("column `{name}` is of type {data_type}, which a table cannot hold")))
    })
}

/// The bytes of a message that the footer names.
fn message_of(bytes: &Buffer, block: &Block) -> Result<Buffer> {
    let outside = || Error::format("a block of the Arrow file lies outside the file, which may be cut short");
    let size = |n: i64| usize::try_from(n).map_err(|_| outside());
    let (start, head, body) =
        (size(block.offset())?, size(block.metaDataLength().into())?, size(block.bodyLength())?);
    let end = start.checked_add(head).and_then(|e| e.checked_add(body)).ok_or_else(outside)?;
    if end > bytes.len() || head < 8 || !start.is_multiple_of(8) || !head.is_multiple_of(8) {
        return Err(outside());
    }
    let message = bytes.slice_with_length(start, head + body);
    let skip = if message.starts_with(&CONTINUATION) { 8 } else { 4 };
    let (head, body) = message.split_at(head);
    check_message(head.get(skip..).unwrap_or_default(), body)?;
    Ok(message)
}

fn of_stream(bytes: Vec<u8>) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    let mut rest = bytes.as_slice();
    while let Some(message) = next_of_stream(&mut rest)? {
        check_message(message.0, message.1)?;
    }
    let reader = StreamReader::try_new(Cursor::new(bytes), None)
        .map_err(|cause| columnar::damaged("Arrow", &cause))?;
    let schema = reader.schema();
    check_types(&schema)?;
    let batches = reader
        .collect::<std::result::Result<Vec<_>, _>>()
        .map_err(|cause| columnar::damaged("Arrow", &cause))?;
    Ok((schema, batches))
}

/// Takes the next message, its description and its body, off a stream; `None` at its end.
fn next_of_stream<'a>(rest: &mut &'a [u8]) -> Result<Option<(&'a [u8], &'a [u8])>> {
    let short = || Error::format("the Arrow stream is cut short");
    if rest.is_empty() {
        return Ok(None);
    }
    let (mark, after) = rest.split_at_checked(4).ok_or_else(short)?;
    let (length, after) = after.split_at_checked(4).ok_or_else(short)?;
    let length: [u8; 4] = length.try_into().map_err(|_| short())?;
    if mark != CONTINUATION {
        return Err(Error::format("the Arrow stream is damaged: a message does not begin where it should"));
    }
    let length = usize::try_from(i32::from_le_bytes(length)).map_err(|_| short())?;
    if length == 0 {
        return Ok(None);
    }
    let (head, after) = after.split_at_checked(length).ok_or_else(short)?;
    let message = root_as_message(head).map_err(|_| Error::format("the Arrow stream is damaged"))?;
    let body = usize::try_from(message.bodyLength()).map_err(|_| short())?;
    let (body, after) = after.split_at_checked(body).ok_or_else(short)?;
    *rest = after;
    Ok(Some((head, body)))
}

/// Compares everything that a message says about its body with the body.
fn check_message(head: &[u8], body: &[u8]) -> Result<()> {
    let damaged = |what: &str| Error::format(format!("the Arrow file is damaged: {what}"));
    let message: Message = root_as_message(head).map_err(|_| damaged("a message cannot be read"))?;
    let batch = message.header_as_record_batch();
    let Some(batch) = batch.or_else(|| message.header_as_dictionary_batch().and_then(|d| d.data())) else {
        return Ok(());
    };
    if batch.compression().is_some_and(|c| c.codec() != CompressionType::LZ4_FRAME) {
        return Err(Error::format("the Arrow file is compressed with zstd")
            .help("this compression is not built in: save the file with lz4 or none, or as Parquet"));
    }
    let most_rows = (body.len() as u64 + 64) * 8 * MOST_COMPRESSED;
    let rows = |n: i64| u64::try_from(n).is_ok_and(|n| n <= most_rows);
    let sound =
        |node: &arrow_ipc::FieldNode| rows(node.length()) && (0..=node.length()).contains(&node.null_count());
    if !rows(batch.length()) || !batch.nodes().iter().flatten().all(sound) {
        return Err(damaged("a column claims more rows than the file can hold"));
    }
    let buffers = batch.buffers().into_iter().flatten();
    let count = batch.buffers().map_or(0, |b| b.len()) as i64;
    if batch.variadicBufferCounts().iter().flatten().any(|n| !(0..=count).contains(&n)) {
        return Err(damaged("a column claims more buffers than there are"));
    }
    for buffer in buffers {
        let range = usize::try_from(buffer.offset()).ok().zip(usize::try_from(buffer.length()).ok());
        let bytes = range.and_then(|(start, length)| body.get(start..start.checked_add(length)?));
        let bytes = bytes.ok_or_else(|| damaged("a buffer lies outside its message"))?;
        if buffer.offset() % 8 != 0 {
            return Err(damaged("a buffer does not begin at a multiple of 8 bytes"));
        }
        if batch.compression().is_some() && !bytes.is_empty() {
            let full = bytes.first_chunk::<8>().map(|b| i64::from_le_bytes(*b));
            let most = bytes.len() as u64 * MOST_COMPRESSED;
            if !full.is_some_and(|n| n == -1 || u64::try_from(n).is_ok_and(|n| n <= most)) {
                return Err(damaged("a compressed buffer has a wrong length"));
            }
        }
    }
    Ok(())
}
