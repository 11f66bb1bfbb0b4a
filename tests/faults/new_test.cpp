// SPDX-License-Identifier: Apache-2.0
// Owns the n-th operator new that fails, for every n and every public function; also in sanitizer
// builds, which see what leaks. Must not know the library's internals.
#include <atomic>
#include <fstream>
#include <new>
#include <set>

#include "api/world.hpp"

namespace {
// While armed, allocations are counted; those from number first to last fail.
std::atomic<bool> armed{false};
std::atomic<int64_t> count{0}, first{0}, last{0};

void* make(size_t size, size_t align) noexcept {
  if (armed.load(std::memory_order_relaxed)) {
    const int64_t number = ++count;
    if (number >= first && number <= last) return nullptr;
  }
  if (size == 0) size = 1;
  return align <= alignof(std::max_align_t)
             ? std::malloc(size)
             : std::aligned_alloc(align, (size + align - 1) / align * align);
}
void* make_or_throw(size_t size, size_t align) {
  void* const memory = make(size, align);
  if (!memory) throw std::bad_alloc();
  return memory;
}
}  // namespace

// This program's, and, as the library is linked in, the library's.
void* operator new(size_t size) { return make_or_throw(size, 1); }
void* operator new[](size_t size) { return make_or_throw(size, 1); }
void* operator new(size_t size, const std::nothrow_t&) noexcept { return make(size, 1); }
void* operator new[](size_t size, const std::nothrow_t&) noexcept { return make(size, 1); }
void* operator new(size_t size, std::align_val_t align) {
  return make_or_throw(size, static_cast<size_t>(align));
}
void* operator new(size_t size, std::align_val_t align, const std::nothrow_t&) noexcept {
  return make(size, static_cast<size_t>(align));
}
void* operator new[](size_t size, std::align_val_t align) {
  return make_or_throw(size, static_cast<size_t>(align));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }

namespace nwr_test {
namespace {

// Makes the call with allocations from n to m failing; whether n was reached.
bool fail_in(const Call& call, World& w, int64_t n, int64_t m, nwr_status* status) {
  count = 0, first = n, last = m;
  armed = true;
  *status = call.make(w);
  armed = false;
  return count >= n;
}

TEST(OperatorNew, ThatFailsLeavesEverythingAsItWas) {
  int64_t failures = 0;
  for (const Call& call : calls()) {
    const auto after = state_after(call);
    for (const bool forever : {false, true}) {
      for (int64_t n = 1;; ++n) {
        SCOPED_TRACE(testing::Message() << call.what << ", allocation " << n << ", " << forever);
        World w;
        const auto before = w.state();
        const size_t live = w.books.live();
        nwr_status status;
        if (!fail_in(call, w, n, forever ? INT64_MAX : n, &status)) {
          NWR_EXPECT_OK(status);
          EXPECT_EQ(after, w.state());
          drop_new(w);
          break;
        }
        ++failures;
        check_failure(w, call, status, before, after, live);
        ASSERT_LT(n, 2000);
        if (testing::Test::HasFailure()) break;
      }
    }
  }
  EXPECT_GE(failures, 300);
}

// A world of each sampler: its creation, its first step and its saved state.
TEST(OperatorNew, ThatFailsInAnySampler) {
  for (size_t i = 0; i < nwr_catalog_size(NWR_DOMAIN_SAMPLER); ++i) {
    auto entry = sized<nwr_entry>();
    NWR_ASSERT_OK(nwr_catalog_entry(NWR_DOMAIN_SAMPLER, i, &entry));
    const Context context = make_context();
    const Schedule schedule = make_schedule("ddpm(count=20)");
    const auto options = options_for(entry.name);
    for (int64_t n = 1;; ++n) {
      SCOPED_TRACE(testing::Message() << entry.name << ", allocation " << n);
      nwr_sampler* made = nullptr;
      count = 0, first = n, last = n;
      armed = true;
      const nwr_status status = nwr_sampler_create(context.get(), schedule.get(), &options, &made);
      armed = false;
      const bool reached = count >= n;
      if (!reached || status != NWR_ERROR_OUT_OF_MEMORY) {
        // The end, or a sampler that this schedule does not have, which says so.
        EXPECT_FALSE(reached && status == NWR_OK);
        nwr_sampler_destroy(made);
        break;
      }
      EXPECT_EQ(nullptr, made);
      ASSERT_LT(n, 5000);
    }
  }
}

// Calls that are refused anyway: what fails while the sentence is put together may change the
// status to out of memory, and nothing else.
TEST(OperatorNew, ThatFailsWhileAnErrorIsReported) {
  const std::vector<Call> wrong = {
      {"catalog_find",
       [](World&) {
         int32_t value;
         return nwr_catalog_find(NWR_DOMAIN_SAMPLER, "a name that nobody has", &value);
       }},
      {"catalog_entry",
       [](World&) {
         auto entry = sized<nwr_entry>();
         return nwr_catalog_entry(NWR_DOMAIN_SAMPLER, 100000, &entry);
       }},
      {"context_create",
       [](World& w) {
         auto o = sized<nwr_context_options>();
         o.device = NWR_CUDA;
         o.plugin = "/there/is/no/such/file";
         return nwr_context_create(&o, &w.new_context);
       }},
      {"schedule_create", [](World& w) { return create_schedule(w, "ddpm(count=-5,beta=odd)"); }},
      {"schedule_import",
       [](World& w) {
         return nwr_schedule_import("{\"_class_name\": [", nullptr, &w.new_schedule);
       }},
      {"schedule_import of a class",
       [](World& w) {
         return nwr_schedule_import("{\"_class_name\": \"NoSuchScheduler\"}", nullptr,
                                    &w.new_schedule);
       }},
      {"schedule_import of a key",
       [](World& w) {
         return nwr_schedule_import("{\"_class_name\": \"DDIMScheduler\", \"beta_start\": \"x\"}",
                                    nullptr, &w.new_schedule);
       }},
      {"schedule_import of a name",
       [](World& w) { return nwr_schedule_import("no such sampler", nullptr, &w.new_schedule); }},
      {"schedule_eval",
       [](World& w) {
         const double t[] = {1, 1e9};
         return nwr_schedule_eval(w.schedule.get(), t, 2, w.coeffs);
       }},
      {"schedule_invert",
       [](World& w) {
         const double lambda[] = {1, std::nan("")};
         return nwr_schedule_invert(w.schedule.get(), lambda, 2, w.numbers);
       }},
      {"tensor_copy", [](World& w) { return nwr_tensor_copy(w.context.get(), w.x, w.times); }},
      {"transform_coeffs",
       [](World& w) {
         const nwr_quantity know[] = {NWR_NOISE};
         return nwr_transform_coeffs(w.schedule.get(), 3, 0, know, 1, NWR_DATA, w.numbers);
       }},
      {"random_generate", [](World& w) { return generate(w, "dice", 4, w.z); }},
      {"random_generate curand", [](World& w) { return generate(w, "curand-philox", 4, w.z); }},
      {"sampler_create",
       [](World& w) {
         const auto o = options_for("ddim(eta=-1)");
         return nwr_sampler_create(w.context.get(), w.schedule.get(), &o, &w.new_sampler);
       }},
      {"sampler_step", [](World& w) { return nwr_sampler_step(w.run.get(), w.x, w.times, 1); }},
      {"sampler_save",
       [](World& w) {
         size_t size = 0;
         return nwr_sampler_save(w.run.get(), w.buffer.data(), 1, &size);
       }},
      {"sampler_load",
       [](World& w) {
         return nwr_sampler_load(w.context.get(), w.schedule.get(), w.saved.data(),
                                 w.saved.size() - 1, &w.new_sampler);
       }},
  };
  for (const Call& call : wrong) {
    nwr_status expected;
    {
      World w;
      expected = call.make(w);
      EXPECT_LT(expected, 0) << call.what;
    }
    for (int64_t n = 1;; ++n) {
      SCOPED_TRACE(testing::Message() << call.what << ", allocation " << n);
      World w;
      const auto before = w.state();
      const size_t live = w.books.live();
      nwr_status status;
      const bool reached = fail_in(call, w, n, n, &status);
      EXPECT_TRUE(status == expected || (reached && status == NWR_ERROR_OUT_OF_MEMORY)) << status;
      EXPECT_STRNE("", nwr_last_error());
      EXPECT_TRUE(before == w.state());
      EXPECT_EQ(live, w.books.live());
      EXPECT_TRUE(!w.new_context && !w.new_schedule && !w.new_sampler);
      if (!reached) break;
      ASSERT_LT(n, 2000);
    }
  }
}

// Every public function is among the calls, or cannot fail.
TEST(OperatorNew, IsTriedInEveryFunction) {
  std::set<std::string> tried = {
      "abi",         "version",        "last_error",      "catalog_size",    "context_destroy",
      "memory_free", "sampler_cancel", "sampler_destroy", "schedule_destroy"};
  for (const Call& call : calls()) {
    tried.insert(std::string(call.what).substr(0, std::string(call.what).find(' ')));
  }
  std::ifstream file(NWR_TEST_DATA_DIR "/abi/symbols.txt");
  std::string node, name;
  int functions = 0;
  while (file >> node >> name) {
    EXPECT_TRUE(tried.count(name.substr(4))) << name << " is not tried";
    ++functions;
  }
  EXPECT_GT(functions, 30);
}

// Else the tests above would pass without looking.
TEST(OperatorNew, IsTheLibrarysToo) {
  World w;
  nwr_status status;
  const Call call = {"", [](World& x) { return create_schedule(x, "cosine"); }};
  EXPECT_TRUE(fail_in(call, w, 1, 1, &status));
  EXPECT_EQ(NWR_ERROR_OUT_OF_MEMORY, status);
}

}  // namespace
}  // namespace nwr_test
