// The COCO format for object detection as a JSON schema, written from https://cocodataset.org/#format-data: its fields and their
// types. Required is what pycocotools reads. `segmentation` is for single objects: polygons, of three corners or more each.

const id = { type: 'integer', minimum: 1 };
const text = { type: 'string' };
const length = { type: 'number', minimum: 0 };

export const COCO_SCHEMA = {
  type: 'object',
  required: ['info', 'licenses', 'images', 'categories', 'annotations'],
  properties: {
    info: {
      type: 'object',
      required: ['year', 'version', 'description', 'contributor', 'url', 'date_created'],
      properties: {
        year: { type: 'integer' },
        ...{ version: text, description: text, contributor: text, url: text },
        date_created: { type: 'string', pattern: '^\\d{4}-\\d\\d-\\d\\d' },
      },
    },
    licenses: {
      type: 'array',
      items: { type: 'object', required: ['id', 'name', 'url'], properties: { id, name: text, url: text } },
    },
    images: {
      type: 'array',
      items: {
        type: 'object',
        required: ['id', 'width', 'height', 'file_name'],
        properties: {
          ...{ id, width: { type: 'integer', minimum: 1 }, height: { type: 'integer', minimum: 1 } },
          ...{ file_name: { type: 'string', minLength: 1 }, license: id, flickr_url: text, coco_url: text, date_captured: text },
        },
      },
    },
    categories: {
      type: 'array',
      uniqueItems: true,
      items: {
        type: 'object',
        required: ['id', 'name', 'supercategory'],
        properties: { id, name: text, supercategory: text },
      },
    },
    annotations: {
      type: 'array',
      items: {
        type: 'object',
        required: ['id', 'image_id', 'category_id', 'segmentation', 'area', 'bbox', 'iscrowd'],
        properties: {
          ...{ id, image_id: id, category_id: id, area: length, iscrowd: { const: 0 } },
          segmentation: { type: 'array', items: { type: 'array', minItems: 6, items: length } },
          bbox: { type: 'array', minItems: 4, maxItems: 4, items: length },
          score: { type: 'number', minimum: 0, maximum: 1 },
        },
      },
    },
  },
};
