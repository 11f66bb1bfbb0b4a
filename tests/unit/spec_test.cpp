// SPDX-License-Identifier: Apache-2.0
// Owns the grammar of spec strings and the resolution of settings. Must not know which entries
// exist.
#include "core/spec.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace noisewright {
namespace {

constexpr Param kParams[] = {{"size", "a number", 0.5, -1, 10},
                             {"colour", "a choice", 1, 0, 2, "red,green,blue"},
                             {"depth", "another number", 3, 0, 1e300}};
const Entry kEntry = {7, "thing", "gadget", "for tests", 0, 0, 0, kParams};
const Entry kPlain = {8, "plain", "", "without settings"};

Settings settings(const char* text, std::vector<nwr_param> params = {}) {
  return Settings(kEntry, parse_spec(text, "name"), params.data(),
                  static_cast<uint32_t>(params.size()));
}

// What the failure says, with its status in front; empty if there was none.
template <class F>
std::string failure(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    return std::to_string(error.status) + " " + error.message;
  }
  return "";
}

TEST(Spec, SplitsNamesAndItems) {
  const Spec spec = parse_spec("thing(size=1,colour=red)", "name");
  EXPECT_EQ("thing", spec.name);
  ASSERT_EQ(2u, spec.items.size());
  EXPECT_EQ("size", spec.items[0].key);
  EXPECT_EQ("1", spec.items[0].value);
  EXPECT_EQ("colour", spec.items[1].key);
  EXPECT_EQ("red", spec.items[1].value);
}

TEST(Spec, TakesBlanksBetweenWordsOnly) {
  const Spec spec = parse_spec(" \t thing (\tsize = 1 , colour\t= red ) ", "name");
  EXPECT_EQ("thing", spec.name);
  ASSERT_EQ(2u, spec.items.size());
  EXPECT_EQ("colour", spec.items[1].key);
  EXPECT_EQ("red", spec.items[1].value);
  EXPECT_NE("", failure([] { parse_spec("th ing", "name"); }));
  EXPECT_NE("", failure([] { parse_spec("thing(si ze=1)", "name"); }));
}

TEST(Spec, TakesNamesOfAllKinds) {
  for (const char* name : {"a", "dpm++2m", "dpmpp-2m", "v_prediction", "x.y", "UPPER", "0"}) {
    EXPECT_EQ(name, parse_spec(name, "name").name);
    EXPECT_TRUE(parse_spec(name, "name").items.empty());
  }
  EXPECT_TRUE(parse_spec("thing()", "name").items.empty());
  EXPECT_TRUE(parse_spec("thing(  )", "name").items.empty());
}

TEST(Spec, SaysWhichArgumentIsMalformed) {
  EXPECT_EQ("-1 my.name: 'thing(' does not end with ')'",
            failure([] { parse_spec("thing(", "my.name"); }));
  EXPECT_EQ("-1 my.name: '(x=1)' does not begin with a name",
            failure([] { parse_spec("(x=1)", "my.name"); }));
  EXPECT_EQ("-1 my.name: 'y' in 'thing(x=1, y)' is not key=value",
            failure([] { parse_spec("thing(x=1, y)", "my.name"); }));
}

TEST(Settings, HaveDefaults) {
  const Settings s = settings("thing");
  EXPECT_EQ(0.5, s["size"]);
  EXPECT_EQ(1, s["colour"]);
  EXPECT_EQ(3, s["depth"]);
  EXPECT_EQ("thing(size=0.5,colour=green,depth=3)", s.spec());
  EXPECT_EQ("plain", Settings(kPlain, parse_spec("plain", "name"), nullptr, 0).spec());
}

TEST(Settings, ComeFromTextAndParameters) {
  const Settings s = settings("thing(depth=1e-3)", {{"size", 2.5}, {"colour", 2}});
  EXPECT_EQ(2.5, s["size"]);
  EXPECT_EQ(2, s["colour"]);
  EXPECT_EQ(1e-3, s["depth"]);
  EXPECT_EQ(0, settings("thing(colour=red)")["colour"]);
  EXPECT_EQ(2, settings("thing(colour=2)")["colour"]);
  EXPECT_EQ(-1, settings("thing(size=-1)")["size"]);
  EXPECT_EQ(10, settings("thing(size=10)")["size"]);
}

TEST(Settings, SpecReadsBackToTheBit) {
  const double awkward[] = {0.1,
                            1.0 / 3,
                            5e-324,
                            2.2250738585072014e-308,
                            9007199254740993.0,
                            1e300,
                            std::nextafter(1.0, 2.0)};
  for (const double value : awkward) {
    const std::string text = settings("thing", {{"depth", value}}).spec();
    EXPECT_EQ(value, settings(text.c_str())["depth"]) << text;
    EXPECT_EQ(text, settings(text.c_str()).spec());
  }
}

TEST(Settings, RefuseWhatDoesNotFit) {
  EXPECT_EQ("-1 thing: size is 10.5, outside -1 to 10",
            failure([] { settings("thing(size=10.5)"); }));
  EXPECT_EQ("-1 thing: size is nan, outside -1 to 10", failure([] {
              settings("thing", {{"size", std::nan("")}});
            }));
  EXPECT_EQ("-1 thing: size is 'wide', which is not a number",
            failure([] { settings("thing(size=wide)"); }));
  EXPECT_EQ("-1 thing: colour is 'pink', not one of red,green,blue",
            failure([] { settings("thing(colour=pink)"); }));
  EXPECT_NE("", failure([] { settings("thing(colour=0.5)"); }));
  EXPECT_NE("", failure([] { settings("thing(colour=3)"); }));
  EXPECT_NE("", failure([] { settings("thing(colour=red,green)"); }));
  EXPECT_EQ("-1 thing: size is given twice", failure([] { settings("thing(size=1,size=1)"); }));
  EXPECT_EQ("-3 thing: no setting is named 'weight' (it has size, colour, depth)",
            failure([] { settings("thing(weight=1)"); }));
  EXPECT_EQ("-3 plain: no setting is named 'size' (it has none)",
            failure([] { Settings(kPlain, parse_spec("plain(size=1)", "name"), nullptr, 0); }));
  // Part of a name is no name.
  EXPECT_NE("", failure([] { settings("thing(siz=1)"); }));
  EXPECT_NE("", failure([] { settings("thing(colour=re)"); }));
}

}  // namespace
}  // namespace noisewright
