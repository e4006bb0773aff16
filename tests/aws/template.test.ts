// The template compared with the code: variables are read, permissions are used, files exist. Needs no AWS account.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { lambdaFunctions } from '../../build/functions.ts';
import { ENVIRONMENTS, eventApi, readMcpServerConfig, readPipelineConfig } from '../../pipeline/config.ts';
import { indexOf, keys } from '../../pipeline/contract/keys.ts';
import {
  ACCOUNT,
  BUCKET,
  deployed,
  ENTRIES,
  FUNCTION_NAMES,
  NAMES,
  type Name,
  type Parameters,
  PIPELINE,
  REGION,
  template,
} from '../support/template.ts';

const ROOT = join(import.meta.dirname, '../..');

describe('the environment', () => {
  /** Lambda sets the first two, Node reads the third. */
  const OTHERS = /^AWS_LAMBDA_|^NODE_OPTIONS$/;
  const variablesOf = (name: Name, parameters: Parameters = {}): Record<string, string> => {
    const { Globals, Resources } = deployed(parameters);
    const { Environment } = z.object({ Environment: Variables }).parse(Globals.Function);
    const own = z.object({ Environment: Variables }).parse(Resources[FUNCTION_NAMES[name]]?.Properties).Environment;
    return { ...Environment.Variables, ...own.Variables };
  };
  const Variables = z.object({ Variables: z.record(z.string(), z.union([z.string(), z.number().transform(String)])) });
  const SET_BY_LAMBDA = { AWS_LAMBDA_FUNCTION_NAME: 'PipelineFunction', AWS_LAMBDA_FUNCTION_VERSION: '1' };

  test.each(NAMES)('of %s has every variable that its code reads, and no other', (name) => {
    const set = Object.keys(variablesOf(name)).filter((variable) => !OTHERS.test(variable));
    const read = Object.keys(ENVIRONMENTS[name]()).filter((variable) => !OTHERS.test(variable));
    expect(set.toSorted()).toEqual(read.toSorted());
  });

  test('has the defaults of the code, except for sizes that suit a separate function', () => {
    const mcpServer = readMcpServerConfig(variablesOf('mcpServer'));
    const { BUCKET, PIPELINE_FUNCTION } = mcpServer;
    const pipeline = readPipelineConfig({ ...variablesOf('pipeline'), ...SET_BY_LAMBDA });
    const sizes = { TILE_CONCURRENCY: 8, SHARD_CONCURRENCY: 4, WORKING_BYTES_MAX: 1_000_000_000 };
    expect(mcpServer).toEqual({ ...readMcpServerConfig({ BUCKET, PIPELINE_FUNCTION }), ...sizes });
    expect(pipeline).toEqual({ ...readPipelineConfig({ BUCKET, ...SET_BY_LAMBDA }), ...sizes });
    expect(PIPELINE_FUNCTION).toBe(`${PIPELINE}:live`);
  });

  test('has the values of the parameters', () => {
    const parameters = {
      DetectionModels: 'bedrock:us.amazon.nova-lite-v1:0,onnx:ppocr',
      AllowedBuckets: 'plans,photos',
      CostUsdMax: '2.5',
      Isolation: 'caller',
      TileConcurrency: 64,
      AnthropicApiKeySecret: 'anthropic',
      OpenaiApiKeySecret: 'openai',
    };
    expect(readMcpServerConfig(variablesOf('mcpServer', parameters))).toMatchObject({
      DETECTION_MODELS: ['bedrock:us.amazon.nova-lite-v1:0', 'onnx:ppocr'],
      ALLOWED_BUCKETS: ['plans', 'photos'],
      COST_USD_MAX: 2.5,
      ISOLATION: 'caller',
      TILE_CONCURRENCY: 64,
    });
    const { ANTHROPIC_API_KEY, OPENAI_API_KEY } = variablesOf('pipeline', parameters);
    expect(ANTHROPIC_API_KEY).toBe('{{resolve:secretsmanager:anthropic}}'); // CloudFormation's own, not a parameter
    expect(OPENAI_API_KEY).toBe('{{resolve:secretsmanager:openai}}');
  });

  test('names the Event API only with live events', () => {
    expect(variablesOf('pipeline').EVENTS_ENDPOINT).toBe('');
    const { EVENTS_ENDPOINT = '' } = variablesOf('pipeline', { LiveEvents: 'true' });
    expect(eventApi({ EVENTS_ENDPOINT })).toEqual({ endpoint: EVENTS_ENDPOINT, region: 'us-east-1' });
  });

  test('comes from parameters of the same name', () => {
    const pascal = (variable: string) =>
      variable.toLowerCase().replace(/(?:^|_)(.)/g, (_, letter: string) => letter.toUpperCase());
    const others = new Set([
      'NODE_OPTIONS',
      'BUCKET',
      'PIPELINE_FUNCTION',
      'ANTHROPIC_API_KEY',
      'OPENAI_API_KEY',
      'EVENTS_ENDPOINT',
    ]);
    const variables = Object.keys({ ...variablesOf('mcpServer'), ...variablesOf('pipeline') });
    const missing = variables.filter((variable) => !others.has(variable) && !template.Parameters[pascal(variable)]);
    expect(missing).toEqual([]);
  });
});

describe('a function', () => {
  test.each(NAMES)('%s is the folder and file that the build writes', (name) => {
    const { CodeUri } = template.Resources[FUNCTION_NAMES[name]]?.Properties ?? {};
    const built = lambdaFunctions({ onnx: true }).find((one) => `dist/${one.name}` === CodeUri);
    expect(built?.entries.index).toBe(ENTRIES[name]);
    expect(template.Globals.Function).toMatchObject({
      Handler: 'index.handler',
      Runtime: 'nodejs24.x',
      Architectures: ['arm64'],
    });
  });

  test('has room for what its limits allow', () => {
    const { Properties } = deployed().Resources.PipelineFunction ?? {};
    const limit = (name: string) => Number(template.Parameters[name]?.Default);
    const reserveBytes = 1_000_000_000; // the process, models, and tiles in progress
    expect(2 * limit('WorkingBytesMax') + reserveBytes).toBeLessThanOrEqual(Properties.MemorySize * 1_048_576);
    expect(limit('ScratchBytesMax')).toBeLessThanOrEqual(Properties.EphemeralStorage.Size * 1_048_576);
    expect(limit('DecodeSecondsMax')).toBeLessThanOrEqual(Properties.Timeout / 2);
  });

  test('leaves a new account half of its concurrent executions for callers, while one large analysis runs', () => {
    const concurrentMax = 10; // https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
    expect(Number(template.Parameters.ShardConcurrency?.Default) + 1).toBeLessThanOrEqual(concurrentMax / 2); // and its own invocation
  });

  test('accepts only callers that IAM authorizes on its URL', () => {
    const { FunctionUrlConfig, Timeout } = template.Resources.McpServerFunction?.Properties ?? {};
    expect(FunctionUrlConfig).toEqual({ AuthType: 'AWS_IAM', InvokeMode: 'BUFFERED' });
    expect(Timeout).toBe(30);
    const types = Object.values(template.Resources).map(({ Type }) => Type);
    expect(types).not.toContain('AWS::Lambda::Permission');
  });

  test('is durable, and publishes versions for executions in flight', () => {
    expect(deployed({ Revision: 'a1' }).Resources.PipelineFunction?.Properties).toMatchObject({
      DurableConfig: { ExecutionTimeout: 691_200, RetentionPeriodInDays: 14 },
      AutoPublishAlias: 'live',
      AutoPublishCodeSha256: 'a1',
    });
  });
});

describe('the bucket', () => {
  const { Properties } = deployed().Resources.Bucket ?? {};

  test('is private, encrypted, unversioned, and requires TLS', () => {
    expect(new Set(Object.values(Properties.PublicAccessBlockConfiguration))).toEqual(new Set([true]));
    expect(Properties.OwnershipControls).toEqual({ Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] });
    expect(JSON.stringify(Properties.BucketEncryption)).toContain('AES256');
    expect(Properties).not.toHaveProperty('VersioningConfiguration');
    expect(deployed().Resources.BucketPolicy?.Properties.PolicyDocument.Statement).toEqual([
      expect.objectContaining({
        ...{ Effect: 'Deny', Principal: '*', Resource: [BUCKET, `${BUCKET}/*`] },
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      }),
    ]);
  });

  test('is encrypted with the key of the parameter, if there is one', () => {
    const key = `arn:aws:kms:${REGION}:${ACCOUNT}:key/0123`;
    const { BucketEncryption } = deployed({ BucketKey: key }).Resources.Bucket?.Properties ?? {};
    expect(BucketEncryption.ServerSideEncryptionConfiguration).toEqual([
      { ServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms', KMSMasterKeyID: key }, BucketKeyEnabled: true },
    ]);
  });

  test('expires every folder that the code writes but calibrations, and no other', () => {
    const { Rules } = Properties.LifecycleConfiguration as { Rules: { Prefix?: string; ExpirationInDays?: number }[] };
    const written = [
      ...Object.values(keys).map((key) => (key as (id: string, more: string) => string)('id', 'csv')),
      indexOf(null).byTime,
    ];
    const folders = new Set(written.map((key) => `${key.split('/')[0]}/`).filter((folder) => folder !== 'calibration/'));
    const expiring = Rules.filter(({ ExpirationInDays }) => ExpirationInDays !== undefined);
    expect(expiring.map(({ Prefix }) => Prefix).toSorted()).toEqual([...folders].toSorted());
    expect(Rules).toContainEqual(expect.objectContaining({ AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 } }));
  });
});

describe('an output', () => {
  const { Outputs } = deployed();

  test('is a policy that lets a caller use the URL only', () => {
    const { Statement } = JSON.parse(Outputs.CallerPolicy?.Value ?? '');
    const Resource = PIPELINE.replace('Pipeline', 'McpServer');
    expect(Statement).toEqual([
      {
        ...{ Effect: 'Allow', Action: 'lambda:InvokeFunctionUrl', Resource },
        Condition: { StringEquals: { 'lambda:FunctionUrlAuthType': 'AWS_IAM' } },
      },
      {
        ...{ Effect: 'Allow', Action: 'lambda:InvokeFunction', Resource },
        Condition: { Bool: { 'lambda:InvokedViaFunctionUrl': 'true' } },
      },
    ]);
  });

  test('is the command of the client files', () => {
    const file = readFileSync(join(ROOT, 'examples/clients/mcp-proxy-for-aws/.mcp.json'), 'utf8');
    const { command, args } = JSON.parse(file).mcpServers.tilesight;
    const replaced = [command, ...args].join(' ').replaceAll('REGION', REGION).replace('ID', 'id');
    expect(Outputs.ProxyCommand?.Value).toBe(replaced);
    expect(Outputs.ConnectCommand?.Value).toBe(`npx tilesight connect ${Outputs.FunctionUrl?.Value}`);
  });
});
