"""A valid suite, and broken variations of it."""

GOOD = """\
name: good
title: A good suite
axes:
  backbone: [resnet18]
  attention: [none, simam]
  placement: [paper]
  mode: [inference]
  batch: [1]
contrast: [attention, placement]
baseline: {attention: none}
measures:
  complexity: {}
  latency: {target: 2%, budget: 1.5min, repeats: 5}
gate: {latency_ratio: 3%, params: exact}
"""

# Each: text of the valid suite, its replacement, and a part of the error message.
BROKEN = [
    ("axes:", "axis:", "3: axis: no such key; did you mean 'axes'"),
    ("backbone:", "backbon:", "4: axes.backbon: no such key; did you mean 'backbone'"),
    ("resnet18", "resnet81", "4: axes.backbone[0]: unknown backbone 'resnet81'; did you mean 'resnet18'"),
    ("simam]", "simma]", "5: axes.attention[1]: unknown attention 'simma'; did you mean 'simam'"),
    ("[resnet18]", "[]", "4: axes.backbone: this value is empty; give at least one entry"),
    ("[resnet18]", "[null]", "4: axes.backbone[0]: write a name"),
    ("[resnet18]", "[.nan]", "4: axes.backbone[0]: nan is not a finite number"),
    ("[resnet18]", "[['a']]", "4: axes.backbone[0]: write a name"),
    ("[resnet18]", "['no.such:thing']", "4: axes.backbone[0]: cannot load backbone 'no.such:thing'"),
    ("[resnet18]", "[2020-01-01]", "4: axes.backbone[0]: datetime.date(2020, 1, 1) is neither text nor a number"),
    ("simam]", "{simam: {e_lambda: []}}]", "5: axes.attention[1]: option 'e_lambda' has an empty list"),
    ("simam]", "{simam: 3}]", "5: axes.attention[1]: write the options of simam as a mapping"),
    ("simam]", "{simam: {}, none: {}}]", "5: axes.attention[1]: write a name, or one name with its options"),
    ("simam]", "{simam: {e_lambda: {a: 1}}}]", "5: axes.attention[1]: option 'e_lambda' takes a value or a list"),
    ("[paper]", "[papr]", "6: axes.placement[0]: placement is one of paper, spatial, branch_end"),
    ("[paper]", "[{layers: 3}]", "6: axes.placement[0]: layers takes a glob"),
    ("[inference]", "[infer]", "7: axes.mode[0]: 'infer' is not allowed; did you mean 'inference'"),
    ("[1]", "[0]", "8: axes.batch[0]: this value must be at least 1, not 0"),
    ("[1]", "['1']", "8: axes.batch[0]: expected an integer, not '1'"),
    ("[1]", "[true]", "8: axes.batch[0]: expected an integer, not True"),
    ("[1]", "1", "8: axes.batch: expected a list; write [1]"),
    ("contrast: [attention, placement]", "contrast: []", "9: contrast: this value is empty"),
    ("contrast: [attention, placement]", "contrast: [seed]", "9: contrast[0]: 'seed' is not allowed"),
    ("{attention: none}", "{}", "10: baseline: this value is empty"),
    ("{attention: none}", "5", "10: baseline: expected a mapping, not 5"),
    ("{attention: none}", "{mode: inference}", "10: baseline.mode: the baseline may only name axes of the contrast"),
    (
        "{attention: none}",
        "{attention: {simam: {e_lambda: [1, 2]}}}",
        "10: baseline.attention: the baseline is a single variant",
    ),
    ("baseline: {attention: none}\n", "", "1: the key 'baseline' is missing"),
    ("complexity:", "complexities:", "12: measures.complexities: unknown measure 'complexities'"),
    ("complexity: {}", "complexity: 5", "12: measures.complexity: expected a mapping, not 5"),
    (
        "complexity: {}",
        "complexity: {deep: 1}",
        "12: measures.complexity.deep: complexity has no such option; the choices are layers",
    ),
    (
        "complexity: {}",
        "memory: {deep: 1}",
        "12: measures.memory.deep: memory has no such option; it has no options",
    ),
    ("budget:", "budgets:", "13: measures.latency.budgets: latency has no such option; did you mean 'budget'"),
    ("1.5min", "fast", "13: measures.latency.budget: expected a number (a time may have a unit"),
    ("repeats: 5", "repeats: 2", "13: measures.latency: repeats must be 5 or more"),
    ("repeats: 5", "l2: cool", "13: measures.latency.l2: 'cool' is not allowed; did you mean 'cold'"),
    ("repeats: 5", "repeats: true", "13: measures.latency.repeats: expected an integer"),
    ("target: 2%", "target: 200%", "13: measures.latency: target must be a fraction such as 1%"),
    (
        "params: exact",
        "prams: exact",
        "14: gate.prams: no measure of this suite has a gateable value of that name; did you mean 'params'",
    ),
    ("params: exact", "params: maybe", "14: gate.params: write exact, or a threshold such as 1%"),
    ("3%", "3", "14: gate.latency_ratio: write exact, or a threshold"),
    ("name: good", "name: a/b", "1: name: expected text on one line (for a name: letters, digits"),
    ("name: good", "name: !x good", "1: name: YAML tags such as !x are not supported"),
    ("name: good", "name: good\nname: bad", '2: not valid YAML: found duplicate key "name"'),
    ("name: good", "name: good\ntimeout: 0", "2: timeout: this value must be more than 0"),
    ("name: good", "name: good\nonly: {attention: []}", "2: only.attention: this value is empty"),
    ("name: good", "name: good\nonly: {back: [x]}", "2: only.back: 'back' is not allowed; did you mean 'batch'"),
    ("1.5min", "60%", "13: measures.latency.budget: expected a number (a time may have a unit"),
    ("2%", "20ms", "13: measures.latency.target: expected a number (a time may have a unit"),
    ("3%", "500ms", "14: gate.latency_ratio: write exact, or a threshold such as 1%"),
    ("3%", "exact", "14: gate.latency_ratio: a ratio of times cannot be exact"),
    ("title: A good suite", 'title: "a\\nb"', "2: title: expected text on one line"),
    ("simam]", '{simam: {e_lambda: "\\e[31m"}}]', "5: axes.attention[1]: option 'e_lambda' has unprintable characters"),
    ("complexity:", '"json:dumps":', "12: measures.json:dumps: json:dumps is not a measure: it has no fields"),
    ("complexity:", '"simam.registry:Entry":', "is not a measure: it has no `axes`"),
    ("complexity:", '"tests.helpers:Exits":', "12: measures.tests.helpers:Exits: cannot load"),
    ("name: good", "name: ..", "1: name: expected text on one line (for a name: letters, digits"),
    ("name: good", "name: 3", "1: name: expected text, not 3"),
    ("name: good", "1: good", "1: the key 1 is not text"),
    ("mode:", "seed: [-1]\n  mode:", "7: axes.seed[0]: this value must be at least 0, not -1"),
    ("mode:", "dtype: [fp8]\n  mode:", "7: axes.dtype[0]: 'fp8' is not allowed; the choices are fp32, bf16"),
    ("mode:", "threads: [0]\n  mode:", "7: axes.threads[0]: this value must be at least 1"),
    ("axes:", "axes: [", "not valid YAML"),
    ("mode:", "dataset: [cifar]\n  mode:", "7: axes.dataset[0]: unknown dataset 'cifar'; did you mean 'cifar10'"),
    ("gate:", "data: {rot: x}\ngate:", "14: data.rot: no such key; did you mean 'root'"),
    ("gate:", "data: {download: 1}\ngate:", "14: data.download: expected true or false, not 1"),
    ("gate:", "data: {root: ''}\ngate:", "14: data.root: "),
    ("complexity: {}", "accuracy: {recipe: quick}", "12: measures.accuracy: no recipe 'quick'"),
    ("complexity: {}", "accuracy: {eval_on: all}", "12: measures.accuracy.eval_on: 'all' is not allowed"),
]
