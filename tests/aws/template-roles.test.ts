// The permissions of the template's roles, evaluated as IAM does: exactly the calls of the code, on this deployment's resources.
import { describe, expect, test } from 'vitest';
import { indexOf, keys } from '../../pipeline/contract/keys.ts';
import { callsOf } from '../support/calls.ts';
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

interface Statement {
  Effect: string;
  Action: string | string[];
  Resource: string | string[];
  Condition?: Record<string, Record<string, string | string[]>>;
}

const listOf = (one: string | string[]) => [one].flat();

function statementsOf(name: Name, parameters: Parameters = {}): Statement[] {
  const { Resources } = deployed(parameters);
  const own = Resources[FUNCTION_NAMES[name]]?.Properties.Policies as { Statement: Statement[] }[];
  const attached = Object.values(Resources).filter(
    ({ Type, Properties }) => Type === 'AWS::IAM::Policy' && Properties.Roles.includes(`${FUNCTION_NAMES[name]}Role`),
  );
  return [...own, ...attached.map(({ Properties }) => Properties.PolicyDocument)].flatMap(({ Statement }) => Statement);
}

const fits = (pattern: string, text: string) =>
  new RegExp(
    `^${pattern
      .split('*')
      .map((part) => part.replace(/[.$?+()[\]{}|^]/g, '\\$&'))
      .join('.*')}$`,
  ).test(text);

/** Partition, service, region, account, and the resource with its type. */
function partsOf(arn: string): string[] {
  const [, ...parts] = arn.split(':');
  return [...parts.slice(0, 4), parts.slice(4).join(':')];
}

/** The type of the resource is never a pattern: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html */
const TYPE = /^[a-z-]+[/:]/;

/** As IAM compares ARNs: each part by itself, and the type of a resource literally. Buckets and objects have no type. */
function arnFits(pattern: string, arn: string): boolean {
  const [expected, given] = [partsOf(pattern), partsOf(arn)];
  const [, service, , , resource = ''] = expected;
  if (service !== 's3' && !TYPE.test(resource)) return false;
  return expected.every((part, index) => fits(part, given[index] ?? ''));
}

/** Evaluates as IAM does; the template has no Deny statements. */
function allows(statements: Statement[], action: string, resource: string, context: Record<string, string> = {}): boolean {
  return statements.some(({ Action, Resource, Condition = {} }) => {
    const conditions = Object.entries(Condition).flatMap(([operator, keys]) =>
      Object.entries(keys).map(([key, patterns]) => ({ compare: operator === 'ArnLike' ? arnFits : fits, key, patterns })),
    );
    return (
      listOf(Action).includes(action) &&
      listOf(Resource).some((pattern) => arnFits(pattern, resource)) &&
      conditions.every(({ compare, key, patterns }) => {
        const value = context[key];
        return value !== undefined && listOf(patterns).some((pattern) => compare(pattern, value));
      })
    );
  });
}

describe('a role', () => {
  /** The actions that each call needs. S3 answers 404 for a missing object only to callers who may list the bucket. */
  const ACTIONS: Record<string, string[]> = {
    HeadObjectCommand: ['s3:GetObject', 's3:ListBucket'],
    GetObjectCommand: ['s3:GetObject', 's3:ListBucket'],
    PutObjectCommand: ['s3:PutObject'],
    ListObjectsV2Command: ['s3:ListBucket'],
    DeleteObjectsCommand: ['s3:DeleteObject'],
    Upload: ['s3:PutObject', 's3:AbortMultipartUpload'],
    ConverseCommand: ['bedrock:InvokeModel'],
    InvokeCommand: ['lambda:InvokeFunction'],
    GetDurableExecutionCommand: ['lambda:GetDurableExecution'],
    ListDurableExecutionsByFunctionCommand: ['lambda:ListDurableExecutionsByFunction'],
    StopDurableExecutionCommand: ['lambda:StopDurableExecution'],
    SendDurableExecutionCallbackSuccessCommand: ['lambda:SendDurableExecutionCallbackSuccess'],
    SendDurableExecutionCallbackFailureCommand: ['lambda:SendDurableExecutionCallbackFailure'],
    SendDurableExecutionCallbackHeartbeatCommand: ['lambda:SendDurableExecutionCallbackHeartbeat'],
    invoke: ['lambda:InvokeFunction'],
    appsync: ['appsync:EventPublish'],
  };
  const everything = { DetectionModels: 'bedrock:amazon.nova-lite-v1:0', AllowedBuckets: 'plans', LiveEvents: 'true' };
  const KEY = `arn:aws:kms:${REGION}:${ACCOUNT}:key/0123`;
  const FOREIGN_KEY = `arn:aws:kms:eu-west-1:${ACCOUNT}:key/4567`;
  const encrypted = { ...everything, BucketKey: KEY, AllowedBucketKeys: FOREIGN_KEY };

  test.each(NAMES)('of %s allows the calls of its code, and no other', (name) => {
    const called = [...callsOf(ENTRIES[name])].flatMap((call) => ACTIONS[call] ?? [`the actions of ${call}`]);
    const allowed = statementsOf(name, everything).flatMap(({ Action }) => listOf(Action));
    // Checkpoints, logs, traces and dead letters: SAM attaches them by DurableConfig, Tracing and DeadLetterQueue.
    expect([...new Set(allowed)].toSorted()).toEqual([...new Set(called)].toSorted());
  });

  test.each(NAMES)('of %s names its actions and resources, and has no Deny statement', (name) => {
    for (const { Effect, Action, Resource } of statementsOf(name, encrypted)) {
      expect(Effect).toBe('Allow');
      for (const action of listOf(Action)) expect(action).not.toContain('*');
      for (const resource of listOf(Resource))
        expect(resource).toMatch(/^arn:aws:(s3:::[^*]|lambda:[^*]+:function:[^*]|bedrock:|kms:[^*]+$|appsync:[^*]+$)/);
    }
    expect(template.Resources[FUNCTION_NAMES[name]]?.Properties).not.toHaveProperty('Role');
  });

  test.each(NAMES)('of %s may read registered detectors, and may not write or delete them', (name) => {
    const model = `${BUCKET}/models/gauges/model.onnx`;
    const may = (action: string) => allows(statementsOf(name, everything), action, model);
    expect(['s3:GetObject', 's3:PutObject', 's3:DeleteObject'].map(may)).toEqual([true, false, false]);
  });

  test.each(NAMES)('of %s has no wildcard in the type of a resource', (name) => {
    const arns = statementsOf(name, encrypted).flatMap(({ Resource, Condition = {} }) => [
      ...listOf(Resource),
      ...Object.values(Condition.ArnLike ?? {}).flatMap(listOf),
    ]);
    const typed = arns.filter((arn) => !arn.startsWith('arn:aws:s3:'));
    expect(typed.length).toBeGreaterThan(1);
    for (const arn of typed) expect(partsOf(arn)[4]).toMatch(TYPE);
  });

  test.each(NAMES)('of %s may use the key of the bucket through S3 only, and no key by default', (name) => {
    const through = (service: string) => ({ 'kms:ViaService': `${service}.${REGION}.amazonaws.com` });
    for (const action of ['kms:Decrypt', 'kms:GenerateDataKey']) {
      const may = (parameters: Parameters, service: string) =>
        allows(statementsOf(name, parameters), action, KEY, through(service));
      expect([may({}, 's3'), may(encrypted, 's3'), may(encrypted, 'lambda')]).toEqual([false, true, false]);
    }
  });

  test('of the pipeline may decrypt images of foreign buckets with their keys', () => {
    const context = { 'kms:ViaService': 's3.eu-west-1.amazonaws.com' };
    const may = (name: Name, action: string) => allows(statementsOf(name, encrypted), action, FOREIGN_KEY, context);
    expect(may('pipeline', 'kms:Decrypt')).toBe(true);
    expect(may('pipeline', 'kms:GenerateDataKey')).toBe(false);
    expect(may('mcpServer', 'kms:Decrypt')).toBe(false);
  });

  const write = (name: Name, key: string) => allows(statementsOf(name), 's3:PutObject', `${BUCKET}/${key}`);
  const keysOfResults = Object.entries(keys)
    .filter(([name]) => name !== 'upload')
    .map(([, key]) => (key as (id: string, more: string) => string)('id', 'csv'));
  const keysOfIndex = [null, 'owner'].flatMap((owner) => [`${indexOf(owner).byTime}x`, `${indexOf(owner).byLabel('cat')}x`]);

  test('of the pipeline may write every result key, but no upload or image', () => {
    const statements = statementsOf('pipeline');
    for (const key of [...keysOfResults, ...keysOfIndex]) expect([key, write('pipeline', key)]).toEqual([key, true]);
    for (const key of keysOfResults) expect(allows(statements, 's3:AbortMultipartUpload', `${BUCKET}/${key}`)).toBe(true);
    for (const key of [keys.upload('plan.png'), 'plans/plan.png']) expect([key, write('pipeline', key)]).toEqual([key, false]);
  });

  test('of the MCP server may write uploads and execution objects, but no index or image', () => {
    const own = [keys.upload('plan.png'), keys.startedBy('id'), keys.cancel('id'), keys.launched('id')];
    for (const key of own) expect([key, write('mcpServer', key)]).toEqual([key, true]);
    for (const key of [...keysOfIndex, 'plans/plan.png']) expect([key, write('mcpServer', key)]).toEqual([key, false]);
  });

  test('of the MCP server may delete objects and index entries of executions, but no upload or image', () => {
    const may = (key: string) => allows(statementsOf('mcpServer'), 's3:DeleteObject', `${BUCKET}/${key}`);
    for (const key of [keys.findings('id'), keys.pyramid('id'), ...keysOfIndex]) expect([key, may(key)]).toEqual([key, true]);
    for (const key of [keys.upload('plan.png'), 'plans/plan.png']) expect([key, may(key)]).toEqual([key, false]);
  });

  test.each(NAMES)('of %s may read its own bucket, and foreign ones only if they are allowed', (name) => {
    const read = (parameters: Parameters, arn: string) => allows(statementsOf(name, parameters), 's3:GetObject', arn);
    expect(read({}, `${BUCKET}/plans/plan.png`)).toBe(true);
    expect(read({}, 'arn:aws:s3:::plans/plan.png')).toBe(false);
    const two = { AllowedBuckets: 'plans,photos' };
    for (const bucket of ['plans', 'photos']) expect(read(two, `arn:aws:s3:::${bucket}/a/plan.png`)).toBe(true);
    for (const bucket of ['plans2', 'other']) expect(read(two, `arn:aws:s3:::${bucket}/a/plan.png`)).toBe(false);
  });

  test('of the MCP server reaches only executions of the pipeline, and starts them through its alias', () => {
    const statements = statementsOf('mcpServer');
    const execution = (name: string) => `arn:aws:lambda:${REGION}:${ACCOUNT}:function:${name}:7/durable-execution/name/id`;
    const answer = 'lambda:SendDurableExecutionCallbackSuccess';
    for (const action of ['lambda:GetDurableExecution', 'lambda:StopDurableExecution', answer]) {
      expect(allows(statements, action, execution('PipelineFunction'))).toBe(true);
      expect(allows(statements, action, execution('Other'))).toBe(false);
    }
    expect(allows(statements, 'lambda:ListDurableExecutionsByFunction', PIPELINE)).toBe(true);
    expect(allows(statements, 'lambda:InvokeFunction', `${PIPELINE}:live`)).toBe(true);
    expect(allows(statements, 'lambda:InvokeFunction', `${PIPELINE}:7`)).toBe(false);
  });

  test('of the pipeline invokes its own versions, and no other function', () => {
    const statements = statementsOf('pipeline');
    expect(allows(statements, 'lambda:InvokeFunction', `${PIPELINE}:7`)).toBe(true);
    expect(allows(statements, 'lambda:InvokeFunction', PIPELINE.replace('Pipeline', 'McpServer'))).toBe(false);
  });

  describe('of the pipeline invokes', () => {
    const profile = (id: string) => `arn:aws:bedrock:${REGION}:${ACCOUNT}:inference-profile/${id}`;
    const model = (id: string, region = REGION) => `arn:aws:bedrock:${region}::foundation-model/${id}`;
    const asks = (parameters: Parameters, arn: string, through?: string) =>
      allows(statementsOf('pipeline', parameters), 'bedrock:InvokeModel', arn, {
        ...(through && { 'bedrock:InferenceProfileArn': through }),
      });
    const [NOVA, CLAUDE] = ['amazon.nova-lite-v1:0', 'anthropic.claude-sonnet-4-5-20250929-v1:0'];

    test('no Bedrock model if none is configured', () => {
      const allowed = statementsOf('pipeline').flatMap(({ Action }) => listOf(Action));
      expect(allowed.filter((action) => action.startsWith('bedrock:'))).toEqual([]);
    });

    test.each([
      'ModerationModel',
      'DetectionModels',
      'VerificationModel',
      'SynthesisModel',
      'JudgeModel',
      'AskModel',
      'AllowedModels',
      'FormerModels',
    ])('the model that %s names, and no other', (parameter) => {
      const chosen = { [parameter]: `bedrock:${NOVA}` };
      expect(asks(chosen, model(NOVA))).toBe(true);
      expect(asks(chosen, model(CLAUDE))).toBe(false);
    });

    test('the model behind a profile in every region, through that profile only', () => {
      const chosen = { DetectionModels: `onnx:ppocr,bedrock:us.${NOVA}`, SynthesisModel: `bedrock:global.${CLAUDE}` };
      for (const id of [`us.${NOVA}`, `global.${CLAUDE}`]) expect(asks(chosen, profile(id))).toBe(true);
      expect(asks(chosen, profile(`us.${CLAUDE}`))).toBe(false); // and so no model through it
      expect(asks(chosen, model(NOVA, 'us-west-2'), profile(`us.${NOVA}`))).toBe(true);
      expect(asks(chosen, model(CLAUDE, ''), profile(`global.${CLAUDE}`))).toBe(true); // as a global profile names it
      expect(asks(chosen, model(NOVA))).toBe(false);
    });

    test('a model that was replaced, while executions in flight may call it', () => {
      const changed = { DetectionModels: `bedrock:us.${NOVA}`, FormerModels: `onnx:nanodet,bedrock:us.${CLAUDE}` };
      for (const id of [`us.${NOVA}`, `us.${CLAUDE}`]) expect(asks(changed, profile(id))).toBe(true);
      const variables = JSON.stringify(deployed(changed).Resources.McpServerFunction?.Properties.Environment);
      expect(variables).not.toContain(CLAUDE); // no request may name it
    });

    test('a custom profile by its ARN', () => {
      const own = `arn:aws:bedrock:eu-west-1:${ACCOUNT}:application-inference-profile/abc123`;
      const chosen = { DetectionModels: 'onnx:ppocr', AllowedModels: `bedrock:${own}` };
      expect(asks(chosen, own)).toBe(true);
      expect(asks(chosen, model(NOVA, 'eu-west-3'), own)).toBe(true);
      expect(asks(chosen, own.replace('abc', 'xyz'))).toBe(false);
    });
  });
});
