//! Parquet and Arrow files: columns as they are, with unit and meaning in the metadata of each field.
//!
//! Categories stay categories. The blocks of a table may each have their own list of words; in a file they
//! share one list that grows.

use std::cell::Cell;
use std::collections::HashMap;
use std::io::BufWriter;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Once};

use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{
    Array, ArrayRef, DictionaryArray, Int32Array, RecordBatch, RecordBatchOptions, StringArray,
    new_empty_array,
};
use arrow_ipc::writer::{DictionaryHandling, FileWriter, IpcWriteOptions};
use arrow_schema::{ArrowError, DataType, Field, SchemaRef};
use arrow_select::concat::concat;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Compression;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::properties::WriterProperties;

use super::values::{convert, normal, normal_type};
use super::{ipc, named, zstd};
use crate::diag::{Code, Error, Result};
use crate::formats::write::AtomicFile;
use crate::model::{ColumnSpec, Frame, Schema};

/// Rows that are decoded at a time.
const ROWS_PER_BATCH: usize = 65_536;

/// Rows of a Parquet row group, which is held in memory until it is full.
const ROWS_PER_GROUP: usize = 262_144;

/// The metadata keys of a field.
const UNIT: &str = "unit";
const MEANING: &str = "meaning";

/// Writes frames as record batches.
pub(super) struct Writer {
    schema: SchemaRef,
    vocabularies: Vec<Vocabulary>,
    sink: Sink,
    path: PathBuf,
}

enum Sink {
    Parquet(Box<ArrowWriter<AtomicFile>>),
    Arrow(Box<FileWriter<BufWriter<AtomicFile>>>),
}

impl Writer {
    pub(super) fn parquet(file: AtomicFile, schema: &Schema, path: &Path) -> Result<Self> {
        let schema = arrow_schema(schema)?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_max_row_group_row_count(Some(ROWS_PER_GROUP))
            .build();
        let writer = ArrowWriter::try_new(file, schema.clone(), Some(properties));
        let writer = writer.map_err(|cause| refused(path, &cause))?;
        Ok(Self::new(schema, path, Sink::Parquet(Box::new(writer))))
    }

    pub(super) fn arrow(file: AtomicFile, schema: &Schema, path: &Path) -> Result<Self> {
        let schema = arrow_schema(schema)?;
        let options = IpcWriteOptions::default().with_dictionary_handling(DictionaryHandling::Delta);
        let writer = FileWriter::try_new_with_options(BufWriter::new(file), &schema, options);
        let writer = writer.map_err(|cause| refused(path, &cause))?;
        Ok(Self::new(schema, path, Sink::Arrow(Box::new(writer))))
    }

    fn new(schema: SchemaRef, path: &Path, sink: Sink) -> Self {
        let vocabularies = schema.fields().iter().map(|_| Vocabulary::new()).collect();
        Writer { schema, vocabularies, sink, path: path.to_owned() }
    }

    pub(super) fn write(&mut self, frame: &Frame) -> Result<()> {
        let fields = self.schema.fields().iter();
        let columns = fields
            .zip(frame.columns())
            .zip(&mut self.vocabularies)
            .map(|((field, values), vocabulary)| {
                let values = convert(values, field.data_type())?;
                if matches!(field.data_type(), DataType::Dictionary(..)) {
                    return vocabulary.translate(values.as_dictionary::<Int32Type>());
                }
                Ok(values)
            })
            .collect::<Result<Vec<_>>>()?;
        let rows = RecordBatchOptions::new().with_row_count(Some(frame.rows()));
        let batch = RecordBatch::try_new_with_options(self.schema.clone(), columns, &rows)
            .map_err(|cause| refused(&self.path, &cause))?;
        match &mut self.sink {
            Sink::Parquet(writer) => writer.write(&batch).map_err(|cause| refused(&self.path, &cause)),
            Sink::Arrow(writer) => writer.write(&batch).map_err(|cause| refused(&self.path, &cause)),
        }
    }

    pub(super) fn finish(self) -> Result<AtomicFile> {
        match self.sink {
            Sink::Parquet(writer) => writer.into_inner().map_err(|cause| refused(&self.path, &cause)),
            Sink::Arrow(writer) => {
                let buffer = writer.into_inner().map_err(|cause| refused(&self.path, &cause))?;
                buffer.into_inner().map_err(|cause| Error::io("write", &self.path, cause.error()))
            }
        }
    }
}

/// The type in which a column is written: categories inside lists as plain text.
fn storage_type(data_type: &DataType) -> Option<DataType> {
    match normal_type(data_type)? {
        DataType::List(item) if matches!(item.data_type(), DataType::Dictionary(..)) => {
            Some(DataType::List(Arc::new(Field::new(item.name(), DataType::Utf8, true))))
        }
        other => Some(other),
    }
}

fn arrow_schema(schema: &Schema) -> Result<SchemaRef> {
    let field = |spec: &ColumnSpec| {
        let data_type = storage_type(&spec.data_type).ok_or_else(|| {
            Error::argument(format!("column `{}` of type {} cannot be saved", spec.name, spec.data_type))
        })?;
        let meaning = Some(&spec.meaning).filter(|m| !m.is_empty());
        let metadata = [(UNIT, spec.unit.as_ref()), (MEANING, meaning)];
        let metadata: HashMap<String, String> =
            metadata.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?.clone()))).collect();
        Ok(Field::new(&spec.name, data_type, true).with_metadata(metadata))
    };
    let fields = schema.columns().iter().map(field).collect::<Result<Vec<_>>>()?;
    Ok(Arc::new(arrow_schema::Schema::new(fields)))
}

/// The words of a column of categories over all blocks, in the order of their first appearance.
struct Vocabulary {
    keys: HashMap<String, i32>,
    words: Arc<StringArray>,
    /// The words of the last block and their keys here: blocks mostly share one list.
    last: Option<(ArrayRef, Int32Array)>,
}

impl Vocabulary {
    fn new() -> Self {
        Vocabulary { keys: HashMap::new(), words: Arc::new(StringBuilder::new().finish()), last: None }
    }

    /// The same values over the common words.
    fn translate(&mut self, block: &DictionaryArray<Int32Type>) -> Result<ArrayRef> {
        let known = self.last.as_ref().is_some_and(|(words, _)| Arc::ptr_eq(words, block.values()));
        if !known {
            let keys = self.learn(block.values().as_string::<i32>())?;
            self.last = Some((block.values().clone(), keys));
        }
        let keys = self.last.as_ref().map(|(_, keys)| keys);
        let translate = |key: Option<i32>| {
            let (key, keys) = (key? as usize, keys?);
            keys.is_valid(key).then(|| keys.value(key))
        };
        let translated: Int32Array = block.keys().iter().map(translate).collect();
        let values = DictionaryArray::try_new(translated, self.words.clone())
            .map_err(|cause| damaged("Arrow", &cause))?;
        Ok(Arc::new(values))
    }

    /// The key of each word; new words are added at the end.
    fn learn(&mut self, words: &StringArray) -> Result<Int32Array> {
        let mut added = Vec::new();
        let mut keys = Vec::with_capacity(words.len());
        for word in words {
            let Some(word) = word else {
                keys.push(None);
                continue;
            };
            if let Some(&key) = self.keys.get(word) {
                keys.push(Some(key));
                continue;
            }
            let key = i32::try_from(self.keys.len())
                .map_err(|_| Error::argument("a column has more than 2,147,483,647 different texts"))?;
            self.keys.insert(word.to_owned(), key);
            added.push(word);
            keys.push(Some(key));
        }
        if !added.is_empty() {
            let all = self.words.iter().flatten().chain(added);
            self.words = Arc::new(all.map(Some).collect());
        }
        Ok(keys.into())
    }
}

/// Reads a Parquet file.
///
/// # Errors
/// When it is damaged, compressed in a way that is not built in, or holds columns that a table cannot.
pub(super) fn read_parquet(path: &Path) -> Result<Frame> {
    let open = || std::fs::File::open(path).map_err(|cause| Error::io("read", path, &cause));
    let file = open()?;
    let again = open()?;
    let length = file.metadata().map_err(|cause| Error::io("read", path, &cause))?.len();
    let read = || {
        let fault = |cause| damaged("Parquet", &cause);
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(fault)?;
        let metadata = builder.metadata().clone();
        check_chunks(&metadata, length)?;
        let schema = builder.schema().clone();
        let batches = if zstd::used(&metadata) {
            zstd::reader(again, metadata.clone(), schema.fields(), ROWS_PER_BATCH)
        } else {
            builder.with_batch_size(ROWS_PER_BATCH).build()
        };
        frame_of(&schema, batches.map_err(fault)?, metadata.file_metadata().num_rows())
    };
    guarded(read).map_err(|error| error.in_file(path))
}

/// Whether every piece of a column lies inside the file.
fn check_chunks(metadata: &ParquetMetaData, length: u64) -> Result<()> {
    for (index, group) in metadata.row_groups().iter().enumerate() {
        for chunk in group.columns() {
            let name = chunk.column_path().string();
            if let Compression::BROTLI(_) | Compression::LZO = chunk.compression() {
                let codec = format!("{:?}", chunk.compression()).to_lowercase();
                let codec = codec.split('(').next().unwrap_or_default();
                return Err(Error::format(format!("column `{name}` is compressed with {codec}"))
                    .help("this compression is not built in: save the file with snappy, zstd, lz4 or gzip"));
            }
            let start = chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset());
            let start = start.min(chunk.data_page_offset());
            let size = chunk.compressed_size();
            let inside =
                start >= 0 && size >= 0 && start.checked_add(size).is_some_and(|e| e as u64 <= length);
            if !inside || group.num_rows() < 0 || chunk.num_values() < 0 {
                return Err(Error::format(format!(
                    "column `{name}` of row group {index} does not lie inside the file, which may be cut short"
                )));
            }
        }
    }
    Ok(())
}

/// Reads an Arrow file (Feather version 2) or a saved Arrow stream.
///
/// # Errors
/// When it is damaged, compressed in a way that is not built in, or holds columns that a table cannot.
pub(super) fn read_arrow(path: &Path) -> Result<Frame> {
    let bytes = std::fs::read(path).map_err(|cause| Error::io("read", path, &cause))?;
    let read = || {
        let (schema, batches) = ipc::batches(bytes)?;
        let rows = batches.iter().map(|b| b.num_rows() as i64).sum();
        frame_of(&schema, batches.into_iter().map(Ok), rows)
    };
    guarded(read).map_err(|error| error.in_file(path))
}

thread_local! {
    /// Whether a panic of this thread is caught and reported as an error.
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs a decoder that answers some damage with a failed assertion, and makes an error of it.
fn guarded<T>(decode: impl FnOnce() -> Result<T>) -> Result<T> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !GUARDED.get() {
                report(panic);
            }
        }));
    });
    GUARDED.set(true);
    let outcome = std::panic::catch_unwind(AssertUnwindSafe(decode));
    GUARDED.set(false);
    outcome.unwrap_or_else(|_| Err(Error::format("the file is damaged: its parts contradict each other")))
}

/// One table of all batches.
fn frame_of(
    schema: &SchemaRef,
    batches: impl Iterator<Item = Result<RecordBatch, ArrowError>>,
    rows: i64,
) -> Result<Frame> {
    let held = |field: &Arc<Field>| {
        normal_type(field.data_type()).ok_or_else(|| {
            let (name, data_type) = (field.name(), field.data_type());
            Error::format(format!("column `{name}` is of type {data_type}, which a table cannot hold"))
        })
    };
    let types = schema.fields().iter().map(held).collect::<Result<Vec<_>>>()?;
    let mut parts: Vec<Vec<ArrayRef>> = types.iter().map(|_| Vec::new()).collect();
    for batch in batches {
        let batch = batch.map_err(|cause| damaged("Arrow", &cause))?;
        for (part, values) in parts.iter_mut().zip(batch.columns()) {
            part.push(normal(values)?);
        }
    }
    let join = |(part, data_type): (Vec<ArrayRef>, &DataType)| match part.as_slice() {
        [] => Ok(new_empty_array(data_type)),
        [only] => Ok(only.clone()),
        many => {
            let many: Vec<&dyn Array> = many.iter().map(AsRef::as_ref).collect();
            concat(&many).map_err(|cause| damaged("Arrow", &cause))
        }
    };
    let columns = parts.into_iter().zip(&types).map(join).collect::<Result<Vec<_>>>()?;
    let specs = schema.fields().iter().zip(&types).map(|(field, data_type)| spec_of(field, data_type));
    let rows = columns.first().map_or(rows.max(0) as usize, Array::len);
    Frame::with_schema(Arc::new(Schema::new(specs.collect())), columns, rows)
}

/// The column of a field: its unit from the metadata, or from a name like `delay (ms)`.
fn spec_of(field: &Field, data_type: &DataType) -> ColumnSpec {
    let mut spec = match field.metadata().get(UNIT) {
        Some(unit) => ColumnSpec::new(field.name(), data_type.clone()).unit(unit),
        None => named(field.name(), data_type),
    };
    if let Some(meaning) = field.metadata().get(MEANING) {
        spec.meaning.clone_from(meaning);
    }
    spec
}

/// The error of a write: what the disk says, if it is the disk.
fn refused(path: &Path, cause: &(dyn std::error::Error + 'static)) -> Error {
    let mut causes = std::iter::successors(Some(cause), |c| c.source());
    match causes.find_map(|c| c.downcast_ref::<std::io::Error>()) {
        Some(disk) => Error::io("write", path, disk),
        None => Error::new(Code::Io, format!("cannot write {}: {cause}", path.display())),
    }
}

/// The error for a file that the decoder does not understand.
pub(super) fn damaged(format: &str, cause: &dyn std::error::Error) -> Error {
    Error::format(format!("the {format} file is damaged: {cause}"))
}
