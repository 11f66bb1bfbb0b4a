// SPDX-License-Identifier: Apache-2.0
// Owns the border that no exception and no floating-point mode crosses: the only catch (...) of the
// library.
// Must not know what the calls do.
#pragma once

#include <exception>
#include <new>

#include "core/error.hpp"
#include "core/float_scope.hpp"

namespace noisewright {

template <class F>
nwr_status guard(F&& f) noexcept {
  const FloatScope scope;
  try {
    return f();
  } catch (const Error& error) {
    set_last_error(error.message);
    return error.status;
  } catch (const std::bad_alloc&) {
    set_last_error("out of memory");
    return NWR_ERROR_OUT_OF_MEMORY;
  } catch (const std::exception& error) {
    set_last_error(error.what());
    return NWR_ERROR_INTERNAL;
  } catch (...) {
    set_last_error("an unknown exception");
    return NWR_ERROR_INTERNAL;
  }
}

template <class T>
void require(const T* pointer, const char* name) {
  if (!pointer) fail(NWR_ERROR_INVALID_ARGUMENT, name, " is NULL");
}

}  // namespace noisewright
