"""Prints the named SAM template as expanded CloudFormation, without an account. Needs samtranslator, which cfn-lint installs."""

import json
import os
import sys

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse


class NoManagedPolicies:
    """Would resolve the names of managed policies to ARNs. Our template names none."""

    def load(self):
        return {}


os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
with open(sys.argv[1], encoding="utf-8") as file:
    template = yaml_parse(file.read())
for resource in template["Resources"].values():
    if "CodeUri" in resource.get("Properties", {}):
        resource["Properties"]["CodeUri"] = "s3://bucket/key"  # where `sam deploy` will have put the folder
print(json.dumps(transform(template, {}, NoManagedPolicies()), indent=1))
