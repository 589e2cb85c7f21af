// An Adam in C++ that speaks the process protocol; its scalars too have the dtype of the parameters: accuracy class B.
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>
using namespace std;

using Arrays = vector<vector<double>>;
struct Session { Arrays p, m, v; double lr, beta1, beta2, eps; bool single; long t; } sessions[8];

template <class T> void step(Session &s, const Arrays &gradients) {
  const T lr = s.lr, beta1 = s.beta1, beta2 = s.beta2, eps = s.eps;
  const T correct1 = 1 - pow(beta1, T(++s.t)), correct2 = 1 - pow(beta2, T(s.t));
  for (size_t a = 0; a < s.p.size(); a++)
    for (size_t i = 0; i < s.p[a].size(); i++) {
      const T g = gradients[a][i];
      const T m = s.m[a][i] = beta1 * T(s.m[a][i]) + (1 - beta1) * g;
      const T v = s.v[a][i] = beta2 * T(s.v[a][i]) + (1 - beta2) * g * g;
      s.p[a][i] = T(s.p[a][i]) - lr * (m / correct1) / (sqrt(v / correct2) + eps);
    }
}

const char *behind(const string &line, const string &key) { return line.c_str() + line.find(key) + key.size(); }
double number(const string &line, const string &key) { return strtod(behind(line, key), nullptr); }
Arrays arrays(const char *at) {  // reads [["0x1.8p+0",...],...]
  Arrays read;
  for (char *end; *++at == '['; at += at[1] == ',')
    for (read.emplace_back(); *++at == '"'; at = end + (end[1] == ',')) read.back().push_back(strtod(at + 1, &end));
  return read;
}

void write(const char *before, const vector<double> &x, const char *after) {
  for (size_t i = 0; i < x.size(); i++) cout << (i ? "," : before) << '"' << x[i] << '"';
  cout << (x.empty() ? before : "") << after;
}

int main() {
  cout << hexfloat;
  for (string line; getline(cin, line); cout << "}" << endl) {
    const auto is = [&](const string &command) { return line.find(":\"" + command + '"') != line.npos; };
    Session &s = sessions[line.find("\"session\":") == line.npos ? 0 : atoi(behind(line, "\"session\":"))];
    cout << "{\"number\":" << atoi(behind(line, "\"number\":"));
    if (is("stop")) return cout << "}" << endl, 0;
    if (is("hello")) cout << R"(,"protocol":"adam-conformance/process/1","name":"plain C++","version":"1",)"
      << R"("capabilities":{"dtypes":["float32","float64"],"state":true,"lr_schedule":true,"fast_forward":true})";
    else if (is("set_lr")) s.lr = number(line, "\"lr\":\"");
    else if (is("fast_forward")) s.t = atol(behind(line, "\"steps\":"));
    else if (is("state")) for (size_t a = 0, n = s.m.size(); a < n; a++)
      write(a ? ",{\"m\":[" : ",\"state\":[{\"m\":[", s.m[a], "],"), write("\"v\":[", s.v[a], a < n - 1 ? "]}" : "]}]");
    else if (is("step")) (s.single ? step<float> : step<double>)(s, arrays(behind(line, "\"gradients\":")));
    else if (is("start")) {
      s = {arrays(behind(line, "\"parameters\":")), {}, {}, number(line, "\"lr\":\""), number(line, "\"beta1\":\""),
           number(line, "\"beta2\":\""), number(line, "\"eps\":\""), line.find("float32") != line.npos, 0};
      for (const auto &p : s.p) s.m.emplace_back(p.size()), s.v.emplace_back(p.size());
    } else cout << R"(,"error":{"kind":"unknown-command","message":"there is no such command"})";
    if (is("start") || is("step")) for (size_t a = 0, n = s.p.size(); a < n; a++)
      write(a ? ",[" : ",\"parameters\":[[", s.p[a], a < n - 1 ? "]" : "]]");
  }
}
