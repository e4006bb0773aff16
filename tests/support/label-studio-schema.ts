// Label Studio tasks with predictions as a JSON schema, written from https://labelstud.io/guide/predictions and from what its import
// refuses (label_studio_sdk/label_interface/interface.py: the fields of a region, numbers from 0 to 100, scores from 0 to 1).

const percent = { type: 'number', minimum: 0, maximum: 100 };
const score = { type: 'number', minimum: 0, maximum: 1 };

const region = {
  type: 'object',
  required: ['id', 'type', 'from_name', 'to_name', 'original_width', 'original_height', 'image_rotation', 'value'],
  properties: {
    id: { type: 'string' },
    type: { const: 'rectanglelabels' },
    from_name: { const: 'label' },
    to_name: { const: 'image' },
    original_width: { type: 'integer', minimum: 1 },
    original_height: { type: 'integer', minimum: 1 },
    image_rotation: { const: 0 },
    score,
    value: {
      type: 'object',
      required: ['x', 'y', 'width', 'height', 'rotation', 'rectanglelabels'],
      properties: {
        ...{ x: percent, y: percent, width: percent, height: percent, rotation: { const: 0 } },
        rectanglelabels: { type: 'array', minItems: 1, maxItems: 1, items: { type: 'string' } },
      },
      additionalProperties: false,
    },
    meta: { type: 'object', properties: { text: { type: 'array', items: { type: 'string' } } } },
  },
};

export const LABEL_STUDIO_SCHEMA = {
  type: 'array',
  items: {
    type: 'object',
    required: ['data', 'predictions'],
    properties: {
      data: {
        type: 'object',
        required: ['image', 'labels'],
        properties: {
          image: { type: 'string', minLength: 1 },
          labels: { type: 'array', items: { type: 'object', required: ['value'], properties: { value: { type: 'string' } } } },
        },
      },
      predictions: {
        type: 'array',
        items: {
          type: 'object',
          required: ['model_version', 'result'],
          properties: { model_version: { type: 'string' }, score, result: { type: 'array', items: region } },
        },
      },
    },
  },
};
