/* SPDX-License-Identifier: Apache-2.0
 *
 * dynamic LIBRARY SYMBOLS: opens the library, finds every listed symbol, compares versions.
 */
#include <dlfcn.h>
#include <noisewright.h>
#include <stdio.h>
#include <string.h>

typedef uint32_t (*number_fn)(void);
typedef const char* (*text_fn)(void);

static void* find(void* library, const char* name) {
  void* symbol = dlsym(library, name);
  if (!symbol) fprintf(stderr, "%s is not in the library: %s\n", name, dlerror());
  return symbol;
}

/* ISO C has no cast from an object pointer to a function pointer, but POSIX wants it to work. */
static uint32_t number(void* symbol) {
  number_fn function;
  memcpy(&function, &symbol, sizeof function);
  return function();
}

int main(int argc, char** argv) {
  char node[64], name[128];
  void* library;
  FILE* list;
  int count = 0, failures = 0;
  void *version, *abi, *error;
  text_fn last_error;
  const uint32_t expected =
      NWR_VERSION_MAJOR * 1000000U + NWR_VERSION_MINOR * 1000U + NWR_VERSION_PATCH;

  if (argc != 3) {
    fprintf(stderr, "usage: %s LIBRARY SYMBOLS\n", argv[0]);
    return 2;
  }
  library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    fprintf(stderr, "%s\n", dlerror());
    return 1;
  }
  list = fopen(argv[2], "r");
  if (!list) {
    perror(argv[2]);
    return 1;
  }
  while (fscanf(list, "%63s %127s", node, name) == 2) {
    ++count;
    if (!find(library, name)) ++failures;
  }
  fclose(list);

  version = find(library, "nwr_version");
  abi = find(library, "nwr_abi");
  error = find(library, "nwr_last_error");
  if (!version || !abi || !error || !count) return 1;
  if (number(version) != expected) {
    fprintf(stderr, "nwr_version() is %u, the header says %u\n", (unsigned)number(version),
            (unsigned)expected);
    ++failures;
  }
  if (number(abi) != NWR_ABI) {
    fprintf(stderr, "nwr_abi() is %u, the header says %u\n", (unsigned)number(abi), NWR_ABI);
    ++failures;
  }
  memcpy(&last_error, &error, sizeof last_error);
  if (!last_error()) {
    fprintf(stderr, "nwr_last_error() is NULL\n");
    ++failures;
  }
  printf("%d symbols\n", count);
  /* Closed and opened again: nothing may be left behind that the second time trips over. */
  if (dlclose(library) != 0 || !(library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL))) {
    fprintf(stderr, "%s\n", dlerror());
    return 1;
  }
  return failures != 0;
}
