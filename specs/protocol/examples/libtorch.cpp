// torch::optim::Adam of libtorch behind the process protocol; README.md has the command that compiles it.
#include <torch/torch.h>
#include <iostream>
using namespace std;
using namespace torch::optim;
using Tensors = vector<torch::Tensor>;
struct Session { Tensors parameters; shared_ptr<Adam> optimizer; } sessions[8];
const char *behind(const string &line, const string &key) { return line.c_str() + line.find(key) + key.size(); }
double number(const string &line, const string &key) { return strtod(behind(line, key), nullptr); }

Tensors tensors(const char *at, torch::Dtype dtype) {  // reads [["0x1.8p+0",...],...]
  Tensors read;
  for (char *end; *++at == '['; at += at[1] == ',') {
    vector<double> x;
    for (; *++at == '"'; at = end + (end[1] == ',')) x.push_back(strtod(at + 1, &end));
    read.push_back(torch::tensor(x, torch::kFloat64).to(dtype));
  }
  return read;
}

void write(const char *before, const torch::Tensor &tensor, const char *after) {
  const auto x = tensor.detach().to(torch::kFloat64).contiguous();
  for (int64_t i = 0; i < x.numel(); i++) cout << (i ? "," : before) << '"' << x.data_ptr<double>()[i] << '"';
  cout << (x.numel() ? "" : before) << after;
}

int main() {
  cout << hexfloat;
  for (string line; getline(cin, line); cout << "}" << endl) {
    const auto is = [&](const string &command) { return line.find(":\"" + command + '"') != line.npos; };
    Session &s = sessions[line.find("\"session\":") == line.npos ? 0 : atoi(behind(line, "\"session\":"))];
    cout << "{\"number\":" << atoi(behind(line, "\"number\":"));
    if (is("stop")) return cout << "}" << endl, 0;
    if (is("hello"))
      cout << R"(,"protocol":"adam-conformance/process/1","name":"libtorch","version":")" << TORCH_VERSION << R"(",)"
      << R"("capabilities":{"dtypes":["float32","float64","bfloat16"],"state":true,"counter":true,"lr_schedule":true,)"
      << R"("settable":["lr","beta1","beta2","eps","weight_decay","amsgrad"],"weight_decay":["coupled"]})";
    else if (is("set_lr")) s.optimizer->param_groups()[0].options().set_lr(number(line, "\"lr\":\""));
    else if (is("state")) for (size_t a = 0, n = s.parameters.size(); a < n; a++) {
      auto &held = static_cast<AdamParamState &>(*s.optimizer->state().at(s.parameters[a].unsafeGetTensorImpl()));
      write(a ? ",{\"m\":[" : ",\"state\":[{\"m\":[", held.exp_avg(), "],"), write("\"v\":[", held.exp_avg_sq(), "]");
      if (held.max_exp_avg_sq().defined()) write(",\"v_max\":[", held.max_exp_avg_sq(), "]");
      cout << ",\"step\":" << held.step() << (a < n - 1 ? "}" : "}]");
    } else if (is("step")) {
      const auto gradients = tensors(behind(line, "\"gradients\":"), s.parameters[0].scalar_type());
      for (size_t a = 0; a < gradients.size(); a++) s.parameters[a].mutable_grad() = gradients[a];
      s.optimizer->step();
    } else if (is("start")) {
      const auto dtype = is("float64") ? torch::kFloat64 : is("float32") ? torch::kFloat32 : torch::kBFloat16;
      s.parameters = tensors(behind(line, "\"parameters\":"), dtype);
      for (auto &p : s.parameters) p.requires_grad_();
      auto given = AdamOptions(number(line, "\"lr\":\"")).eps(number(line, "\"eps\":\""));
      given.betas({number(line, "\"beta1\":\""), number(line, "\"beta2\":\"")});
      given.weight_decay(number(line, "\"weight_decay\":\"")).amsgrad(line.find("\"amsgrad\":true") != line.npos);
      s.optimizer = make_shared<Adam>(s.parameters, given);
    } else cout << R"(,"error":{"kind":"unknown-command","message":"there is no such command"})";
    if (is("start") || is("step")) for (size_t a = 0, n = s.parameters.size(); a < n; a++)
      write(a ? ",[" : ",\"parameters\":[[", s.parameters[a], a < n - 1 ? "]" : "]]");
  }
}
