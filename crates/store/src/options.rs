//! The options of the database. Durability depends on some of them.

use rocksdb::{
    BlockBasedIndexType, BlockBasedOptions, Cache, DBCompressionType, DBRecoveryMode, Env,
    SliceTransform,
};

use crate::error::StoreError;
use crate::key;

pub(crate) const LOG_FAMILY: &str = "log";
pub(crate) const ROWS_FAMILY: &str = "rows";

/// The memtable of each family, unless somebody chooses another size. While one is flushed, another one is
/// filled: four of them and the cache are most of the memory of a server under load.
pub const MEMTABLE_BYTES: usize = 56 << 20;

/// Sizes of memory. They do not change what is stored.
#[derive(Clone, Debug)]
pub struct Options {
    /// Bytes of the memtable of each family. What is not flushed must be folded again at a restart.
    pub memtable_bytes: usize,
    /// Bytes of the cache of blocks that were read.
    pub cache_bytes: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options { memtable_bytes: MEMTABLE_BYTES, cache_bytes: 64 << 20 }
    }
}

/// Options of the database. Without the first three, a killed process or a loss of power can leave rows
/// ahead of the log, or an undamaged log that does not open.
pub(crate) fn db_options() -> Result<rocksdb::Options, StoreError> {
    let mut options = rocksdb::Options::default();
    // Flush log and rows together, so that rows on disk never depend on events that were lost.
    options.set_atomic_flush(true);
    // A crash leaves an incomplete last record; keep everything before it. Damage further up would end
    // the log silently too; `wal` and the kept file detect that.
    options.set_wal_recovery_mode(DBRecoveryMode::PointInTime);
    // Deliberately left off: pipelined and unordered writes, manual WAL flush, WAL recycling, avoiding
    // flushes during recovery. Each breaks one of the two lines above.
    // One thread at a time writes: the committer, or a rebuild. Concurrent inserts would only cost atomic
    // operations for each row.
    options.set_allow_concurrent_memtable_write(false);
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    options.set_max_background_jobs(2);
    options.set_keep_log_file_num(4);
    options.set_max_total_wal_size(512 << 20);
    // Requests are more urgent than compaction.
    let mut env = Env::new().map_err(StoreError::rocks("start the database's threads"))?;
    env.lower_thread_pool_cpu_priority();
    options.set_env(&env);
    Ok(options)
}

pub(crate) fn family_options(options: &Options) -> rocksdb::Options {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(&Cache::new_lru_cache(options.cache_bytes));
    // Smaller blocks were measured: random reads of rows got no faster.
    table.set_block_size(16 << 10);
    table.set_bloom_filter(10.0, false);
    // Partition index and filter: those of a large table exceed a shard of the cache, and would be read
    // again and again.
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
    // A file of level 0 or 1 is soon compacted into the next level: compressing it would cost more
    // processor time, beside requests, than the disk space is worth.
    let [young, older] = [DBCompressionType::None, DBCompressionType::Lz4];
    family.set_compression_per_level(&[young, young, older, older, older, older, older]);
    family.set_bottommost_compression_type(DBCompressionType::Zstd);
    // Default window and strategy, no dictionary. Level 1 takes half the time of the default level and
    // 5 % more space.
    family.set_bottommost_compression_options(-14, 1, 0, 0, true);
    // Most lookups before a create find nothing; the filters answer those without a search.
    family.set_memtable_whole_key_filtering(true);
    family.set_memtable_prefix_bloom_ratio(0.02);
    family
}

/// Rows are mostly read by short scans within one prefix, such as the newest version of a resource.
/// Filters on [`key::scan_prefix`] let such a scan skip the files that have no key with the prefix.
pub(crate) fn row_options(family: &rocksdb::Options) -> rocksdb::Options {
    let mut rows = family.clone();
    rows.set_prefix_extractor(SliceTransform::create(
        "provlog.scan-prefix.2",
        |key| key::scan_prefix(key).unwrap_or(key),
        Some(|key| key::scan_prefix(key).is_some()),
    ));
    rows
}
