// An Adam in Rust that speaks the process protocol: rustc -O adam.rs && adam-conformance check process:./adam
mod numbers;
use numbers::{arrays, list, number, written};

const HELLO: &str = r#","protocol":"adam-conformance/process/1","name":"plain Rust","version":"1","capabilities":
{"dtypes":["float32","float64"],"state":true,"lr_schedule":true,"groups":true,"none_gradients":true}"#;

struct Parameter { single: bool, t: i32, hyper: [f64; 4], p: Vec<f64>, m: Vec<f64>, v: Vec<f64> }

fn step(x: &mut Parameter, gradient: &[f64]) {
    x.t += 1;
    let rounded = if x.single { |y: f64| y as f32 as f64 } else { |y: f64| y };
    let [lr, beta1, beta2, eps] = x.hyper;
    let (correct1, correct2) = (1.0 - beta1.powf(x.t.into()), 1.0 - beta2.powf(x.t.into()));
    for (i, g) in gradient.iter().enumerate() {
        x.m[i] = rounded(beta1 * x.m[i] + (1.0 - beta1) * g);
        x.v[i] = rounded(beta2 * x.v[i] + (1.0 - beta2) * g * g);
        x.p[i] = rounded(x.p[i] - lr * (x.m[i] / correct1) / ((x.v[i] / correct2).sqrt() + eps));
    }
}

fn start(line: &str) -> Vec<Parameter> {
    let (single, groups) = (word(line, "dtype") == "float32", behind(line, "hyperparameters").split("},"));
    let parameters = arrays(behind(line, "parameters")).into_iter().flatten();
    parameters.zip(groups).map(|(p, group)| {
        let hyper = ["lr", "beta1", "beta2", "eps"].map(|name| number(word(group, name)));
        Parameter { single, t: 0, hyper, m: vec![0.0; p.len()], v: vec![0.0; p.len()], p }
    }).collect()
}

/// What stands behind a key, up to the end of the line, and the one word there.
fn behind<'a>(line: &'a str, key: &str) -> &'a str { line.split_once(&format!("\"{key}\":")).map_or("", |both| both.1) }
fn word<'a>(line: &'a str, key: &str) -> &'a str {
    behind(line, key).split([',', '}']).next().unwrap().trim_matches('"')
}

fn parameters(adam: &[Parameter]) -> String { format!(",\"parameters\":{}", list(adam, |x| written(&x.p))) }
fn moments(x: &Parameter) -> String { format!("{{\"m\":{},\"v\":{}}}", written(&x.m), written(&x.v)) }

fn main() {
    let mut sessions: [Vec<Parameter>; 8] = Default::default();
    for line in std::io::stdin().lines().map(Result::unwrap) {
        let adam = &mut sessions[word(&line, "session").parse().unwrap_or(0)];
        let answer = match word(&line, "command") {
            "hello" => HELLO.replace('\n', ""),
            "start" => { *adam = start(&line); parameters(adam) }
            "step" => {
                let gradients = arrays(behind(&line, "gradients"));
                adam.iter_mut().zip(gradients).for_each(|(x, g)| if let Some(g) = g { step(x, &g) });
                parameters(adam)
            }
            "set_lr" => { adam.iter_mut().for_each(|x| x.hyper[0] = number(word(&line, "lr"))); String::new() }
            "state" => format!(",\"state\":{}", list(adam, moments)),
            "stop" => return println!("{{\"number\":{}}}", word(&line, "number")),
            _ => r#","error":{"kind":"unknown-command","message":"there is no such command"}"#.to_string(),
        };
        println!("{{\"number\":{}{answer}}}", word(&line, "number")); // which flushes
    }
}
