// The 80 labels of the COCO data set in the order of NanoDet's outputs, and the words that mean them.

export const COCO_LABELS: readonly string[] = `
person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light,
fire hydrant, stop sign, parking meter, bench, bird, cat, dog, horse, sheep, cow,
elephant, bear, zebra, giraffe, backpack, umbrella, handbag, tie, suitcase, frisbee,
skis, snowboard, sports ball, kite, baseball bat, baseball glove, skateboard, surfboard, tennis racket, bottle,
wine glass, cup, fork, knife, spoon, bowl, banana, apple, sandwich, orange,
broccoli, carrot, hot dog, pizza, donut, cake, chair, couch, potted plant, bed,
dining table, toilet, tv, laptop, mouse, remote, keyboard, cell phone, microwave, oven,
toaster, sink, refrigerator, book, clock, vase, scissors, teddy bear, hair drier, toothbrush`
  .trim()
  .split(/,\s+/);

const SYNONYMS: Readonly<Record<string, readonly string[]>> = {
  person: ['people', 'human', 'man', 'men', 'woman', 'women', 'child', 'children', 'pedestrian'],
  bicycle: ['bike'],
  motorcycle: ['motorbike'],
  airplane: ['plane', 'aeroplane', 'aircraft'],
  boat: ['ship'],
  'fire hydrant': ['hydrant'],
  'sports ball': ['ball'],
  skis: ['ski'],
  knife: ['knives'],
  sheep: ['sheep'],
  cup: ['mug'],
  donut: ['doughnut'],
  couch: ['sofa'],
  'potted plant': ['plant', 'houseplant'],
  'dining table': ['table'],
  tv: ['television', 'monitor'],
  'cell phone': ['phone', 'mobile phone', 'smartphone'],
  refrigerator: ['fridge'],
  'hair drier': ['hair dryer', 'hairdryer'],
};

const GROUPS: Readonly<Record<string, readonly string[]>> = {
  vehicle: ['bicycle', 'car', 'motorcycle', 'airplane', 'bus', 'train', 'truck', 'boat'],
  animal: ['bird', 'cat', 'dog', 'horse', 'sheep', 'cow', 'elephant', 'bear', 'zebra', 'giraffe'],
};

const LABELS_BY_WORD = labelsByWord();
const WORDS_IN_A_LABEL_MAX = 2;

/** The labels that a word or a pair of words means: `people` is `person`, `vehicles` are eight. Empty if it means none. */
export function cocoLabels(words: string): readonly string[] {
  return LABELS_BY_WORD.get(words.trim().toLowerCase()) ?? [];
}

/** The labels named in a sentence, in the order of COCO_LABELS. In `traffic lights` and `hot dog` the pair counts, not the single words. */
export function cocoLabelsIn(sentence: string): readonly string[] {
  const words = sentence.toLowerCase().match(/\p{L}+/gu) ?? [];
  const found = new Set<string>();
  for (let start = 0; start < words.length; ) {
    const length = lengthOfLabelAt(words, start);
    for (const label of cocoLabels(words.slice(start, start + length).join(' '))) found.add(label);
    start += Math.max(1, length);
  }
  return COCO_LABELS.filter((label) => found.has(label));
}

function lengthOfLabelAt(words: readonly string[], start: number): number {
  for (let length = WORDS_IN_A_LABEL_MAX; length > 0; length--) {
    if (cocoLabels(words.slice(start, start + length).join(' ')).length > 0) return length;
  }
  return 0;
}

function labelsByWord(): Map<string, readonly string[]> {
  const result = new Map<string, readonly string[]>();
  for (const [group, labels] of Object.entries(GROUPS)) for (const word of forms(group)) result.set(word, labels);
  for (const label of COCO_LABELS) {
    for (const word of [label, ...(SYNONYMS[label] ?? [])].flatMap(forms)) result.set(word, [label]);
  }
  return result;
}

/** A noun and its plural: cup, cups; bus, buses; sandwich, sandwiches. A form that is not a word does no harm. */
function forms(noun: string): string[] {
  return /(s|x|z|ch|sh)$/.test(noun) ? [noun, `${noun}es`] : [noun, `${noun}s`];
}
