// What a tool is: a value with a name, sentences, schemas and the function that runs it. Knows nothing of how tools are served.
import type { ToolAnnotations } from '@modelcontextprotocol/server';
import type { z } from 'zod';
import type { ToolDeps } from '../access/deps.ts';

interface ToolFacts<Input extends z.ZodObject> {
  /** `verb_noun`, unique among the tools. */
  name: string;
  title: string;
  /** Read by a model: when to use the tool, what it returns, what to call next. Agents also find tools by these words. */
  description: string;
  /** The tool's part of the server's instructions, if an agent needs one before it reads the list of tools. */
  instruction?: string;
  input: Input;
  /** The arguments that name something with an owner. The isolation tests try each of them with the ids of another caller. */
  owned: Readonly<Partial<Record<keyof z.infer<Input>, 'execution' | 'image'>>>;
  annotations: ToolAnnotations;
  /** What a user is asked before the tool runs, if the client can ask. For what cannot be undone. */
  confirmation?(args: z.infer<Input>): string;
}

/** A tool with a structured answer. */
export interface Tool<Input extends z.ZodObject = z.ZodObject, Output extends z.ZodObject = z.ZodObject>
  extends ToolFacts<Input> {
  output: Output;
  /** A client that declares tasks gets a task while the answer says RUNNING. */
  isTask?: true;
  run(args: z.infer<Input>, deps: ToolDeps): Promise<z.infer<Output>>;
}

export interface ImageAnswer {
  image: Uint8Array;
  mimeType: string;
  /** Stands below the image. */
  words: string;
}

/** Several images with words between them, in the order in which a model reads them. */
export interface ImagesAnswer {
  parts: readonly (string | { image: Uint8Array; mimeType: string })[];
}

/** A tool that answers with an image. It has no structured answer: clients that get one show their model nothing else. */
export interface ImageTool<Input extends z.ZodObject = z.ZodObject> extends ToolFacts<Input> {
  output: null;
  run(args: z.infer<Input>, deps: ToolDeps): Promise<ImageAnswer | ImagesAnswer>;
}

export type AnyTool = Tool | ImageTool;
