// SPDX-License-Identifier: Apache-2.0
// Owns what tests of devices share: contexts on a plugin of fake.cpp, or on CUDA's own, and arrays
// on them. Must not know what is tested.
#pragma once

#include "../api/support.hpp"

namespace nwr_test {

// The file of a plugin of fake.cpp.
inline std::string fake(const std::string& name) {
  return std::string(NWR_FAKE_DIR) + "/libfake_" + name + ".so";
}

inline Context make_device(const std::string& name, int32_t device_id = 0) {
  const std::string file = fake(name);
  auto options = sized<nwr_context_options>();
  options.device = NWR_CUDA;
  options.device_id = device_id;
  options.plugin = file.c_str();
  options.threads = 2;
  nwr_context* context = nullptr;
  NWR_EXPECT_OK(nwr_context_create(&options, &context));
  return Context(context);
}

// An array on a device, laid out as one in ordinary memory that it can be compared with.
class DeviceTensor {
 public:
  DeviceTensor(const Context& context, const Tensor& like, int32_t device_id = 0)
      : context_(context.get()), like_(like), view_(like_.view()) {
    void* memory = nullptr;
    NWR_EXPECT_OK(nwr_memory_alloc(context_, like_.bytes().size(), &memory));
    bytes_ = {memory, NWR_CUDA, device_id, 1, NWR_F16, &count_, nullptr, 0};
    count_ = static_cast<int64_t>(like_.bytes().size() / 2);
    const auto first =
        static_cast<const char*>(view_.data) - reinterpret_cast<const char*>(like_.bytes().data());
    view_.data = static_cast<char*>(memory) + first;
    view_.device = NWR_CUDA;
    view_.device_id = device_id;
    upload();
  }
  ~DeviceTensor() { nwr_memory_free(context_, bytes_.data); }
  DeviceTensor(const DeviceTensor&) = delete;
  DeviceTensor& operator=(const DeviceTensor&) = delete;

  operator const nwr_tensor*() const { return &view_; }
  const nwr_tensor& view() const { return view_; }

  void upload() {
    const nwr_tensor here = raw();
    NWR_EXPECT_OK(nwr_tensor_copy(context_, &here, &bytes_));
  }
  // The array as it is now, the bytes between its elements too.
  const Tensor& fetch() {
    const nwr_tensor here = raw();
    NWR_EXPECT_OK(nwr_tensor_copy(context_, &bytes_, &here));
    return like_;
  }

 private:
  nwr_tensor raw() const {
    return {const_cast<unsigned char*>(like_.bytes().data()),
            NWR_CPU,
            0,
            1,
            NWR_F16,
            &count_,
            nullptr,
            0};
  }

  const nwr_context* context_;
  Tensor like_;
  nwr_tensor view_;
  nwr_tensor bytes_ = {};
  int64_t count_ = 0;
};

}  // namespace nwr_test
