"""Prints the CloudFormation template that SAM makes of the one named, without an account. Needs samtranslator, which cfn-lint brings."""

import json
import os
import sys

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse


class NoManagedPolicies:
    """Asked for the ARNs of managed policies that a template gives by name. Ours gives none."""

    def load(self):
        return {}


os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
with open(sys.argv[1], encoding="utf-8") as file:
    template = yaml_parse(file.read())
for resource in template["Resources"].values():
    if "CodeUri" in resource.get("Properties", {}):
        resource["Properties"]["CodeUri"] = "s3://bucket/key"  # where `sam deploy` will have put the folder
print(json.dumps(transform(template, {}, NoManagedPolicies()), indent=1))
