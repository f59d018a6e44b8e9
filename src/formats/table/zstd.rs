//! Parquet pages that are compressed with zstd, which the Parquet library itself could only read through C code:
//! it hands out the pages as they are, and they are decompressed here.

use std::fs::File;
use std::io::Read;
use std::sync::Arc;

use arrow_schema::Fields;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, RowGroups};
use parquet::arrow::{ProjectionMask, parquet_to_arrow_field_levels};
use parquet::basic::Compression;
use parquet::column::page::{Page, PageIterator, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::serialized_reader::SerializedPageReader;
use ruzstd::decoding::StreamingDecoder;

/// A page of a Parquet file is at most so long: its header counts in 32 bits.
const LONGEST_PAGE: u64 = i32::MAX as u64;

/// Whether a part of the file is compressed with zstd.
pub(super) fn used(metadata: &ParquetMetaData) -> bool {
    let mut chunks = metadata.row_groups().iter().flat_map(RowGroupMetaData::columns);
    chunks.any(|chunk| matches!(chunk.compression(), Compression::ZSTD(_)))
}

/// A reader of the whole file; `hint` holds the Arrow types of its columns.
pub(super) fn reader(
    file: File,
    metadata: Arc<ParquetMetaData>,
    hint: &Fields,
    batch_size: usize,
) -> Result<ParquetRecordBatchReader> {
    let schema = metadata.file_metadata().schema_descr();
    let levels = parquet_to_arrow_field_levels(schema, ProjectionMask::all(), Some(hint))?;
    let groups = Groups { file: Arc::new(file), metadata };
    ParquetRecordBatchReader::try_new_with_row_groups(&levels, &groups, batch_size, None)
}

/// All row groups of a file.
struct Groups {
    file: Arc<File>,
    metadata: Arc<ParquetMetaData>,
}

impl RowGroups for Groups {
    fn num_rows(&self) -> usize {
        self.row_groups().map(|group| group.num_rows().max(0) as usize).sum()
    }

    fn column_chunks(&self, column: usize) -> Result<Box<dyn PageIterator>> {
        let (file, metadata) = (self.file.clone(), self.metadata.clone());
        Ok(Box::new(Chunks { file, metadata, column, next: 0 }))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(self.metadata.row_groups().iter())
    }

    fn metadata(&self) -> &ParquetMetaData {
        &self.metadata
    }
}

/// The pages of one column, a row group after the other.
struct Chunks {
    file: Arc<File>,
    metadata: Arc<ParquetMetaData>,
    column: usize,
    next: usize,
}

impl Iterator for Chunks {
    type Item = Result<Box<dyn PageReader>>;

    fn next(&mut self) -> Option<Self::Item> {
        let group = self.metadata.row_groups().get(self.next)?;
        self.next += 1;
        let chunk = group.columns().get(self.column)?;
        let rows = group.num_rows().max(0) as usize;
        if !matches!(chunk.compression(), Compression::ZSTD(_)) {
            let pages = SerializedPageReader::new(self.file.clone(), chunk, rows, None);
            return Some(pages.map(|pages| Box::new(pages) as Box<dyn PageReader>));
        }
        let raw = chunk.clone().into_builder().set_compression(Compression::UNCOMPRESSED).build();
        let pages = raw.and_then(|raw| SerializedPageReader::new(self.file.clone(), &raw, rows, None));
        Some(pages.map(|raw| Box::new(Pages { raw }) as Box<dyn PageReader>))
    }
}

impl PageIterator for Chunks {}

/// Pages that are decompressed as they are read.
struct Pages {
    raw: SerializedPageReader<File>,
}

impl Iterator for Pages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let Some(mut page) = self.raw.get_next_page()? else { return Ok(None) };
        match &mut page {
            Page::DataPage { buf, .. } | Page::DictionaryPage { buf, .. } => *buf = plain(buf, 0)?.into(),
            Page::DataPageV2 { buf, def_levels_byte_len, rep_levels_byte_len, is_compressed, .. } => {
                // The levels before the values are never compressed.
                let levels = u64::from(*def_levels_byte_len) + u64::from(*rep_levels_byte_len);
                if std::mem::take(is_compressed) {
                    *buf = plain(buf, levels as usize)?.into();
                }
            }
        }
        Ok(Some(page))
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.raw.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.raw.skip_next_page()
    }
}

/// The bytes of a page, of which all after the first `keep` are compressed.
fn plain(page: &[u8], keep: usize) -> Result<Vec<u8>> {
    let damaged = |what: &str| ParquetError::General(format!("a page cannot be decompressed: {what}"));
    let (levels, mut rest) = page.split_at_checked(keep).ok_or_else(|| damaged("it is cut short"))?;
    let mut bytes = levels.to_vec();
    while !rest.is_empty() {
        let frame = StreamingDecoder::new(&mut rest).map_err(|cause| damaged(&cause.to_string()))?;
        let left = LONGEST_PAGE.saturating_sub(bytes.len() as u64);
        frame.take(left).read_to_end(&mut bytes).map_err(|cause| damaged(&cause.to_string()))?;
        if bytes.len() as u64 >= LONGEST_PAGE {
            return Err(damaged("it is longer than a page can be"));
        }
    }
    Ok(bytes)
}
