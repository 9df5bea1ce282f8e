// A fake libcuda.so.1 for machines without a GPU: memory is malloc's, copies are done at once, and what is not freed is counted.
#include <dlfcn.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { OUT_OF_MEMORY = 2, NOT_INITIALIZED = 3, INVALID_CONTEXT = 201, NOT_FOUND = 500 };

static int initialized, pushed, streams, device_blocks, host_blocks;
static char context[1];

// Asked by the tests: what is held now.
int fake_held(void) { return pushed + streams + device_blocks + host_blocks; }

int cuInit(unsigned flags) {
    const char *code = getenv("FAKE_CUDA_INIT");
    if (code) return atoi(code);
    initialized = 1;
    return 0;
}
int cuDriverGetVersion(int *version) { return *version = 13000, 0; }
int cuGetErrorName(int code, const char **name) { return *name = code == OUT_OF_MEMORY ? "CUDA_ERROR_OUT_OF_MEMORY" : "CUDA_ERROR_FAKE", 0; }
int cuGetErrorString(int code, const char **text) { return cuGetErrorName(code, text); }
int cuDeviceGet(int *device, int ordinal) { return *device = 0, initialized ? 0 : NOT_INITIALIZED; }
int cuDeviceGetCount(int *count) { return *count = 1, 0; }
int cuDeviceGetName(char *name, int length, int device) { return strncpy(name, "Fake Orin", length), 0; }
int cuDeviceGetAttribute(int *value, int attribute, int device) { return *value = attribute == 75 ? 8 : attribute == 76 ? 7 : 0, 0; }
int cuDevicePrimaryCtxRetain(void **found, int device) { return *found = context, initialized ? 0 : NOT_INITIALIZED; }
int cuDevicePrimaryCtxRelease_v2(int device) { return 0; }
int cuCtxPushCurrent_v2(void *pushed_context) { return pushed++, pushed_context == context ? 0 : INVALID_CONTEXT; }
int cuCtxPopCurrent_v2(void **popped) { return *popped = context, pushed-- > 0 ? 0 : INVALID_CONTEXT; }
int cuCtxGetDevice(int *device) { return *device = 0, 0; }

static int take(void **memory, size_t size, int *count) {
    if (!pushed) return INVALID_CONTEXT;
    if (size > (size_t)1 << 40) return OUT_OF_MEMORY;
    return *memory = malloc(size), ++*count, 0;
}
static int give(void *memory, int *count) { return free(memory), --*count, pushed ? 0 : INVALID_CONTEXT; }

int cuMemAlloc_v2(void **memory, size_t size) { return take(memory, size, &device_blocks); }
int cuMemFree_v2(void *memory) { return give(memory, &device_blocks); }
int cuMemAllocHost_v2(void **memory, size_t size) { return take(memory, size, &host_blocks); }
int cuMemHostAlloc(void **memory, size_t size, unsigned flags) { return take(memory, size, &host_blocks); }
int cuMemFreeHost(void *memory) { return give(memory, &host_blocks); }
int cuStreamCreate(void **stream, unsigned flags) { return take(stream, 1, &streams); }
int cuStreamDestroy_v2(void *stream) { return give(stream, &streams); }
int cuStreamSynchronize(void *stream) { return pushed && stream ? 0 : INVALID_CONTEXT; }
int cuMemcpyHtoDAsync_v2(void *to, const void *from, size_t size, void *stream) { return memcpy(to, from, size), pushed ? 0 : INVALID_CONTEXT; }
int cuMemcpyDtoHAsync_v2(void *to, const void *from, size_t size, void *stream) { return memcpy(to, from, size), pushed ? 0 : INVALID_CONTEXT; }

// How cuda-bindings finds all others, by names without their version.
int cuGetProcAddress_v2(const char *name, void **found, int version, unsigned long flags, void *status) {
    char versioned[128] = "";
    strncat(strncat(versioned, name, 120), "_v2", 4);
    *found = dlsym(RTLD_DEFAULT, versioned);
    if (!*found) *found = dlsym(RTLD_DEFAULT, name);
    return *found ? 0 : NOT_FOUND;
}
int cuGetProcAddress(const char *name, void **found, int version, unsigned long flags) { return cuGetProcAddress_v2(name, found, version, flags, NULL); }
