//! How the database keeps its files: the options on which the promises rest.

use rocksdb::{
    BlockBasedIndexType, BlockBasedOptions, Cache, DBCompressionType, DBRecoveryMode, Env,
    SliceTransform,
};

use crate::error::StoreError;
use crate::key;

pub(crate) const LOG_FAMILY: &str = "log";
pub(crate) const ROWS_FAMILY: &str = "rows";

/// How the files are handled; no option changes what is stored.
#[derive(Clone, Debug)]
pub struct Options {
    /// Memory for what is not flushed yet, in each family. It bounds the work of a restart.
    pub memtable_bytes: usize,
    /// Memory for blocks that were read.
    pub cache_bytes: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options { memtable_bytes: 64 << 20, cache_bytes: 64 << 20 }
    }
}

/// Options of the database. Each of the first three is load-bearing: without it a killed process or
/// a loss of power leaves rows ahead of the log, or refuses to open a log that is whole.
pub(crate) fn db_options() -> Result<rocksdb::Options, StoreError> {
    let mut options = rocksdb::Options::default();
    // Rows and log go to disk together, so rows on disk never stand on events that are lost.
    options.set_atomic_flush(true);
    // A torn last record is what a crash leaves; everything before it counts. Damage further up
    // would cut the log silently too: that is what the kept file notices.
    options.set_wal_recovery_mode(DBRecoveryMode::PointInTime);
    // Left at their defaults on purpose: pipelined and unordered writes, manual WAL flush, WAL
    // recycling, avoiding flushes during recovery. Each breaks one of the two lines above.
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    options.set_max_background_jobs(2);
    options.set_keep_log_file_num(4);
    options.set_max_total_wal_size(512 << 20);
    // Compaction can wait; whoever wants an answer should not.
    let mut env = Env::new().map_err(StoreError::rocks("start the database's threads"))?;
    env.lower_thread_pool_cpu_priority();
    options.set_env(&env);
    Ok(options)
}

pub(crate) fn family_options(options: &Options) -> rocksdb::Options {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(&Cache::new_lru_cache(options.cache_bytes));
    // Smaller ones were tried: rows that are read here and there were found no sooner.
    table.set_block_size(16 << 10);
    table.set_bloom_filter(10.0, false);
    // Index and filter of a large table are in pieces: whole they would be larger than a shard of the
    // cache, and be read again and again.
    table.set_index_type(BlockBasedIndexType::TwoLevelIndexSearch);
    table.set_partition_filters(true);
    table.set_metadata_block_size(4 << 10);
    table.set_cache_index_and_filter_blocks(true);
    table.set_pin_top_level_index_and_filter(true);
    table.set_pin_l0_filter_and_index_blocks_in_cache(true);
    table.set_format_version(5);

    let mut family = rocksdb::Options::default();
    family.set_block_based_table_factory(&table);
    family.set_write_buffer_size(options.memtable_bytes);
    family.set_compression_type(DBCompressionType::Lz4);
    family.set_bottommost_compression_type(DBCompressionType::Zstd);
    // Window and strategy as they are by default, without a dictionary; level 1 takes half the time of
    // the default and a twentieth more space.
    family.set_bottommost_compression_options(-14, 1, 0, 0, true);
    // Most lookups before a create find nothing: a filter says so without a search.
    family.set_memtable_whole_key_filtering(true);
    family.set_memtable_prefix_bloom_ratio(0.02);
    family
}

/// Rows are read in short scans that find one row, like the newest version of a resource: filters on
/// what all keys of such a scan begin with spare it the files that hold none of them.
pub(crate) fn row_options(family: &rocksdb::Options) -> rocksdb::Options {
    let mut rows = family.clone();
    rows.set_prefix_extractor(SliceTransform::create(
        "provlog.scan-prefix.1",
        |key| key::scan_prefix(key).unwrap_or(key),
        Some(|key| key::scan_prefix(key).is_some()),
    ));
    rows
}
