"""What carbon's own rules make of names and values, for tests to compare with.

Reads one JSON object from standard input: {"aggregation": [line], "rewrite": [[expression, replacement]], "list": [expression],
"paths": [path], "values": [number], "methods": [name]}; writes one with the answers.
"""
import json
import re
import sys

from carbon.aggregator.rules import AGGREGATION_METHODS, RuleManager
from carbon.regexlist import RegexList
from carbon.rewrite import RewriteRule

asked = json.load(sys.stdin)
rules = [RuleManager.parse_definition(line) for line in asked["aggregation"]]
rewrites = [RewriteRule(pattern, replacement) for pattern, replacement in asked["rewrite"]]
names = RegexList()
names.regex_list = [re.compile(each) for each in asked["list"]]


def rewritten(path):
    for rule in rewrites:
        path = rule.apply(path)
    return path


print(
    json.dumps(
        {
            "aggregated": [[rule.get_aggregate_metric(path) for rule in rules] for path in asked["paths"]],
            "rewritten": [rewritten(path) for path in asked["paths"]],
            "listed": [path in names for path in asked["paths"]],
            "values": {name: AGGREGATION_METHODS[name](asked["values"]) for name in asked["methods"]},
        }
    )
)
