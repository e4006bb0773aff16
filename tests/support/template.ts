// template.yaml as CloudFormation would resolve it, without an account: parameters, conditions and the functions that it uses.
// Values that only a deployment knows are derived from the resource's name.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CollectionTag, parse, type ScalarTag } from 'yaml';

const FILE = join(import.meta.dirname, '../../template.yaml');
export const REGION = 'us-east-1';
export const ACCOUNT = '111122223333';
export const BUCKET = 'arn:aws:s3:::bucket-of-the-stack';
export const PIPELINE = `arn:aws:lambda:${REGION}:${ACCOUNT}:function:PipelineFunction`;
/** What the template calls both functions of the build, and the files that they start with. */
export const FUNCTION_NAMES = { mcpServer: 'McpServerFunction', pipeline: 'PipelineFunction' } as const;
export const ENTRIES = { mcpServer: 'mcp-server/lambda.ts', pipeline: 'pipeline/lambda.ts' } as const;
export type Name = keyof typeof FUNCTION_NAMES;
export const NAMES: Name[] = ['mcpServer', 'pipeline'];
export type Parameters = Record<string, string | number>;

const FUNCTIONS = ['Ref', 'Sub', 'GetAtt', 'Join', 'Split', 'If', 'Equals', 'Not'];
const PSEUDO: Record<string, string> = {
  'AWS::StackName': 'tilesight',
  'AWS::Region': REGION,
  'AWS::AccountId': ACCOUNT,
  'AWS::Partition': 'aws',
};
const NOTHING = Symbol('AWS::NoValue');

const nameOf = (tag: string) => (tag === 'Ref' ? tag : `Fn::${tag}`);
const TAGS = FUNCTIONS.flatMap((name): (ScalarTag | CollectionTag)[] => [
  { tag: `!${name}`, resolve: (text: string) => ({ [nameOf(name)]: name === 'GetAtt' ? text.split('.') : text }) },
  { tag: `!${name}`, collection: 'seq', resolve: (list) => ({ [nameOf(name)]: (list as { toJSON(): unknown }).toJSON() }) },
]);

export interface Resource {
  Type: string;
  Condition?: string;
  // biome-ignore lint/suspicious/noExplicitAny: as many shapes as there are types of resources.
  Properties: any;
}

interface Template {
  Parameters: Record<string, { Type: string; Default?: string | number; Description?: string }>;
  Conditions: Record<string, unknown>;
  Globals: { Function: Record<string, unknown> };
  Resources: Record<string, Resource>;
  Outputs: Record<string, { Value: string }>;
}

/** As it is written. */
export const template: Template = parse(readFileSync(FILE, 'utf8'), { customTags: TAGS });

/** The template with these parameters, and defaults for the rest. */
export function deployed(parameters: Parameters = {}): Template {
  const given = (name: string) => parameters[name] ?? template.Parameters[name]?.Default;

  function resolved(value: unknown): unknown {
    if (Array.isArray(value)) return value.map(resolved).filter((item) => item !== NOTHING);
    if (typeof value !== 'object' || value === null) return value;
    const [[key = '', argument] = []] = Object.entries(value);
    if (key === 'Ref' || key.startsWith('Fn::')) return called(key.replace('Fn::', ''), argument);
    const fields = Object.entries(value).map(([name, field]) => [name, resolved(field)] as const);
    return Object.fromEntries(fields.filter(([, field]) => field !== NOTHING));
  }

  function called(name: string, argument: unknown): unknown {
    if (name === 'Ref') return argument === 'AWS::NoValue' ? NOTHING : referred(String(argument));
    if (name === 'GetAtt') return attributeOf(...(argument as [string, string]));
    if (name === 'Sub') return String(argument).replace(/\$\{([^}]+)\}/g, (_, inner: string) => substituted(inner));
    const list = argument as unknown[];
    if (name === 'If') return resolved(holds(String(list[0])) ? list[1] : list[2]);
    const [first, second] = resolved(list) as [unknown, unknown];
    if (name === 'Join') return (second as string[]).join(String(first));
    if (name === 'Split') return String(second).split(String(first));
    if (name === 'Equals') return String(first) === String(second);
    if (name === 'Not') return !first;
    throw new Error(`Expected one of ${FUNCTIONS.join(', ')}, got ${name}.`);
  }

  function holds(condition: string): boolean {
    if (!(condition in template.Conditions)) throw new Error(`Expected a condition, got ${condition}.`);
    return resolved(template.Conditions[condition]) === true;
  }

  function substituted(inner: string): string {
    const [, name = '', attribute] = inner.match(/^([^.]+)(?:\.(.+))?$/) ?? []; // an attribute may have several parts
    return String(attribute === undefined ? referred(name) : attributeOf(name, attribute));
  }

  function referred(name: string): unknown {
    if (name in PSEUDO) return PSEUDO[name];
    const value = given(name);
    if (value !== undefined) return value;
    if (name.endsWith('.Alias')) return `${attributeOf(name.slice(0, -'.Alias'.length), 'Arn')}:live`;
    if (name.endsWith('FunctionRole') || template.Resources[name]) return physicalOf(name);
    throw new Error(`Expected the name of a parameter or resource, got ${name}.`);
  }

  const { Resources, Outputs } = template;
  return resolved({ ...template, Resources, Outputs }) as Template;
}

/** Buckets have names in lower case. */
const physicalOf = (name: string) => (template.Resources[name]?.Type === 'AWS::S3::Bucket' ? 'bucket-of-the-stack' : name);

function attributeOf(name: string, attribute: string): string {
  if (name === 'McpServerFunctionUrl') return `https://id.lambda-url.${REGION}.on.aws/`;
  const type = template.Resources[name]?.Type;
  if (attribute === 'QueueName') return physicalOf(name);
  if (type?.startsWith('AWS::AppSync::')) return eventsAttributeOf(name, attribute);
  if (attribute !== 'Arn') throw new Error(`Expected an attribute that is known here, got ${name}.${attribute}.`);
  if (type === 'AWS::S3::Bucket') return `arn:aws:s3:::${physicalOf(name)}`;
  if (type === 'AWS::Serverless::Function') return `arn:aws:lambda:${REGION}:${ACCOUNT}:function:${physicalOf(name)}`;
  if (type === 'AWS::SQS::Queue') return `arn:aws:sqs:${REGION}:${ACCOUNT}:${physicalOf(name)}`;
  throw new Error(`Expected a resource whose ARN is known here, got ${name}.`);
}

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-appsync-api.html, "Return values" */
function eventsAttributeOf(name: string, attribute: string): string {
  const values: Record<string, string> = {
    ApiId: 'abcdefghijklmnopqrstuvwxyz',
    'Dns.Http': `abcdefghijklmnopqrstuvwxyz.appsync-api.${REGION}.amazonaws.com`,
    'Dns.Realtime': `abcdefghijklmnopqrstuvwxyz.appsync-realtime-api.${REGION}.amazonaws.com`,
    ChannelNamespaceArn: `arn:aws:appsync:${REGION}:${ACCOUNT}:apis/abcdefghijklmnopqrstuvwxyz/channelNamespace/pipeline`,
  };
  const value = values[attribute];
  if (value) return value;
  throw new Error(`Expected an attribute that is known here, got ${name}.${attribute}.`);
}
