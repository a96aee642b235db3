"""Tables and ENUM rows of an Nsight Systems SQLite export, schema version 3.20.3 (nsys 2025.3).

Only the tables and ENUM entries that the generator fills are listed. A column is written as
``name``, ``name!`` (NOT NULL) or ``name:TYPE`` where the type is not INTEGER.
"""

from __future__ import annotations

SCHEMA_VERSION = "3.20.3"
PRODUCT_VERSION = "2025.3.2.0"

TABLES: dict[str, str] = {
    "META_DATA_CAPTURE": "name!:TEXT value:TEXT",
    "META_DATA_EXPORT": "name!:TEXT value:TEXT",
    "ANALYSIS_DETAILS": "globalVid! duration! startTime! stopTime!",
    "TARGET_INFO_SESSION_START_TIME": "utcEpochNs utcTime:TEXT localTime:TEXT",
    "TARGET_INFO_SYSTEM_ENV": "globalVid devStateName!:TEXT name!:TEXT nameEnum! value!:TEXT",
    "TARGET_INFO_GPU": (
        "vmId! id! name:TEXT busLocation:TEXT isDiscrete l2CacheSize totalMemory "
        "memoryBandwidth clockRate smCount pwGpuId uuid:TEXT luid chipName:TEXT cuDevice "
        "ctxswDevPath:TEXT ctrlDevPath:TEXT revision nodeMask constantMemory maxIPC "
        "maxRegistersPerBlock maxShmemPerBlock maxShmemPerBlockOptin maxShmemPerSm "
        "maxRegistersPerSm threadsPerWarp asyncEngines maxWarpsPerSm maxBlocksPerSm "
        "maxThreadsPerBlock maxBlockDimX maxBlockDimY maxBlockDimZ maxGridDimX maxGridDimY "
        "maxGridDimZ computeMajor computeMinor smMajor smMinor"
    ),
    "TARGET_INFO_CUDA_DEVICE": "gpuId cudaId! pid!",
    "TARGET_INFO_CUDA_CONTEXT_INFO": (
        "nullStreamId! hwId! vmId! processId! deviceId! contextId! parentContextId isGreenContext"
    ),
    "TARGET_INFO_CUDA_STREAM": "streamId! hwId! vmId! processId! contextId! priority! flag!",
    "PROCESSES": "globalPid pid name:TEXT",
    "ThreadNames": "nameId! priority globalTid",
    "StringIds": "id* value!:TEXT",
    "DIAGNOSTIC_EVENT": "timestamp! timestampType! source! severity! text!:TEXT globalPid",
    "PROFILER_OVERHEAD": "start! end! globalTid nameId! returnValue!",
    "CUPTI_ACTIVITY_KIND_RUNTIME": "start! end! eventClass! globalTid correlationId nameId! returnValue! callchainId",
    "CUPTI_ACTIVITY_KIND_KERNEL": (
        "start! end! deviceId! contextId! greenContextId streamId! correlationId globalPid "
        "demangledName! shortName! mangledName launchType cacheConfig registersPerThread! "
        "gridX! gridY! gridZ! blockX! blockY! blockZ! staticSharedMemory! dynamicSharedMemory! "
        "localMemoryPerThread! localMemoryTotal! gridId! sharedMemoryExecuted graphNodeId "
        "sharedMemoryLimitConfig"
    ),
    "CUPTI_ACTIVITY_KIND_MEMCPY": (
        "start! end! deviceId! contextId! greenContextId streamId! correlationId globalPid "
        "bytes! copyKind! deprecatedSrcId srcKind dstKind srcDeviceId srcContextId dstDeviceId "
        "dstContextId migrationCause graphNodeId virtualAddress copyCount"
    ),
    "CUPTI_ACTIVITY_KIND_MEMSET": (
        "start! end! deviceId! contextId! greenContextId streamId! correlationId globalPid "
        "value! bytes! graphNodeId memKind"
    ),
    "CUPTI_ACTIVITY_KIND_SYNCHRONIZATION": (
        "start! end! deviceId! contextId! greenContextId streamId! correlationId globalPid "
        "deprecatedSyncType syncType! eventId! eventSyncId"
    ),
    "CUPTI_ACTIVITY_KIND_CUDA_EVENT": (
        "deviceId! contextId! greenContextId streamId! correlationId globalPid eventId! eventSyncId"
    ),
    "CUDA_GRAPH_NODE_EVENTS": "start! end! eventClass! globalTid nameId! graphNodeId! originalGraphNodeId",
    "NVTX_EVENTS": (
        "start! end eventType! rangeId category color text:TEXT globalTid endGlobalTid textId "
        "domainId uint64Value int64Value doubleValue:REAL uint32Value int32Value "
        "floatValue:REAL jsonTextId jsonText:TEXT binaryData:TEXT"
    ),
    "OSRT_API": "start! end! eventClass! globalTid nameId! returnValue! nestingLevel callchainId!",
}

ENUMS: dict[str, dict[int, tuple[str, str]]] = {
    "ENUM_CUDA_FUNC_CACHE_CONFIG": {
        0: ("CU_FUNC_CACHE_PREFER_NONE", "None"),
        1: ("CU_FUNC_CACHE_PREFER_SHARED", "Shared"),
        2: ("CU_FUNC_CACHE_PREFER_L1", "L1"),
        3: ("CU_FUNC_CACHE_PREFER_EQUAL", "Equal"),
    },
    "ENUM_CUDA_KERNEL_LAUNCH_TYPE": {
        0: ("CUDA_KERNEL_LAUNCH_TYPE_UNKNOWN", "Unknown"),
        1: ("CUDA_KERNEL_LAUNCH_TYPE_REGULAR", "Regular"),
        2: ("CUDA_KERNEL_LAUNCH_TYPE_COOPERATIVE_SINGLE_DEVICE", "Coop Single Device"),
        3: ("CUDA_KERNEL_LAUNCH_TYPE_COOPERATIVE_MULTI_DEVICE", "Coop Multi Device"),
    },
    "ENUM_CUDA_MEMCPY_OPER": {
        0: ("CUDA_MEMCPY_KIND_UNKNOWN", "Unknown"),
        1: ("CUDA_MEMCPY_KIND_HTOD", "Host-to-Device"),
        2: ("CUDA_MEMCPY_KIND_DTOH", "Device-to-Host"),
        3: ("CUDA_MEMCPY_KIND_HTOA", "Host-to-Array"),
        4: ("CUDA_MEMCPY_KIND_ATOH", "Array-to-Host"),
        5: ("CUDA_MEMCPY_KIND_ATOA", "Array-to-Array"),
        6: ("CUDA_MEMCPY_KIND_ATOD", "Array-to-Device"),
        7: ("CUDA_MEMCPY_KIND_DTOA", "Device-to-Array"),
        8: ("CUDA_MEMCPY_KIND_DTOD", "Device-to-Device"),
        9: ("CUDA_MEMCPY_KIND_HTOH", "Host-to-Host"),
        10: ("CUDA_MEMCPY_KIND_PTOP", "Peer-to-Peer"),
        11: ("CUDA_MEMCPY_KIND_UVM_HTOD", "Unified Host-to-Device"),
        12: ("CUDA_MEMCPY_KIND_UVM_DTOH", "Unified Device-to-Host"),
        13: ("CUDA_MEMCPY_KIND_UVM_DTOD", "Unified Device-to-Device"),
    },
    "ENUM_CUDA_MEM_KIND": {
        0: ("CUDA_MEMOPR_MEMORY_KIND_PAGEABLE", "Pageable"),
        1: ("CUDA_MEMOPR_MEMORY_KIND_PINNED", "Pinned"),
        2: ("CUDA_MEMOPR_MEMORY_KIND_DEVICE", "Device"),
        3: ("CUDA_MEMOPR_MEMORY_KIND_ARRAY", "Array"),
        4: ("CUDA_MEMOPR_MEMORY_KIND_MANAGED", "Managed"),
        5: ("CUDA_MEMOPR_MEMORY_KIND_DEVICE_STATIC", "Device Static"),
        6: ("CUDA_MEMOPR_MEMORY_KIND_MANAGED_STATIC", "Managed Static"),
        7: ("CUDA_MEMOPR_MEMORY_KIND_UNKNOWN", "Unknown"),
    },
    "ENUM_CUDA_SHARED_MEM_LIMIT_CONFIG": {
        0: ("CUDA_SHARED_MEM_LIMIT_DEFAULT", "Default"),
        1: ("CUDA_SHARED_MEM_LIMIT_OPTIN", "Opt in"),
    },
    "ENUM_CUDA_UNIF_MEM_MIGRATION": {
        0: ("CUDA_UNIFIED_MEMORY_MIGRATION_CAUSE_UNKNOWN", "Unknown"),
        1: ("CUDA_UNIFIED_MEMORY_MIGRATION_CAUSE_USER", "User prefetch"),
        2: ("CUDA_UNIFIED_MEMORY_MIGRATION_CAUSE_COHERENCE", "Page fault"),
        3: ("CUDA_UNIFIED_MEMORY_MIGRATION_CAUSE_PREFETCH", "Speculative prefecth"),
        4: ("CUDA_UNIFIED_MEMORY_MIGRATION_CAUSE_EVICTION", "Eviction"),
        5: ("CUDA_UNIFIED_MEMORY_MIGRATION_CAUSE_ACCESS_COUNTERS", "Access counters"),
    },
    "ENUM_CUPTI_STREAM_TYPE": {
        0: ("CUPTI_ACTIVITY_STREAM_CREATE_FLAG_UNKNOWN", "Unknown stream type"),
        1: ("CUPTI_ACTIVITY_STREAM_CREATE_FLAG_DEFAULT", "Default stream"),
        2: ("CUPTI_ACTIVITY_STREAM_CREATE_FLAG_NON_BLOCKING", "Non-blocking stream"),
        3: ("CUPTI_ACTIVITY_STREAM_CREATE_FLAG_NULL", "Null stream"),
    },
    "ENUM_CUPTI_SYNC_TYPE": {
        0: ("CUPTI_ACTIVITY_SYNCHRONIZATION_TYPE_UNKNOWN", "Unknown"),
        1: ("CUPTI_ACTIVITY_SYNCHRONIZATION_TYPE_EVENT_SYNCHRONIZE", "Event sync"),
        2: ("CUPTI_ACTIVITY_SYNCHRONIZATION_TYPE_STREAM_WAIT_EVENT", "Stream wait sync"),
        3: ("CUPTI_ACTIVITY_SYNCHRONIZATION_TYPE_STREAM_SYNCHRONIZE", "Stream sync"),
        4: ("CUPTI_ACTIVITY_SYNCHRONIZATION_TYPE_CONTEXT_SYNCHRONIZE", "Context sync"),
    },
    "ENUM_DIAGNOSTIC_SEVERITY_LEVEL": {
        0: ("UnknownLevel", "Unknown"),
        1: ("Info", "Info"),
        2: ("Warning", "Warning"),
        3: ("Error", "Error"),
        4: ("Verbose", "Verbose"),
    },
    "ENUM_DIAGNOSTIC_SOURCE_TYPE": {
        0: ("UnknownSource", "Unknown source"),
        1: ("Injection", "Injection"),
        2: ("Daemon", "Daemon"),
        3: ("Analysis", "Analysis"),
    },
    "ENUM_DIAGNOSTIC_TIMESTAMP_SOURCE": {
        0: ("UnknownTimestamp", "Unknown timestamp"),
        1: ("TargetTimestamp", "Target timestamp"),
        2: ("HostTimestamp", "Host timestamp"),
    },
    "ENUM_NSYS_EVENT_CLASS": {
        0: ("TRACE_PROCESS_EVENT_CUDA_RUNTIME", "CUDA runtime"),
        1: ("TRACE_PROCESS_EVENT_CUDA_DRIVER", "CUDA driver"),
        27: ("TRACE_PROCESS_EVENT_OS_RUNTIME", "OSRT runtime"),
        77: ("TRACE_PROCESS_EVENT_CUDA_GRAPH_NODE_CREATION", "CUDA graph node creation"),
    },
    "ENUM_NSYS_EVENT_TYPE": {
        34: ("NvtxMark", "NvtxMark"),
        45: ("Cuda", "Cuda"),
        59: ("NvtxPushPopRange", "NvtxPushPopRange"),
        60: ("NvtxStartEndRange", "NvtxStartEndRange"),
        75: ("NvtxDomainCreate", "NvtxDomainCreate"),
        85: ("OS runtime libraries", "OS runtime libraries"),
        106: ("CudaSyncEvent", "CudaSyncEvent"),
        127: ("CudaEventRecord", "CudaEventRecord"),
    },
}
