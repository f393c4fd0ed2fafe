// Three ideas, each told to five people.

export const LEVELS = [
  ["child", "a child"],
  ["student", "a student"],
  ["programmer", "a programmer"],
  ["engineer", "an engineer"],
  ["researcher", "a researcher"],
];

export const SPECULATION = {
  child: [
    "You tell a story, and a friend beside you tries to finish your sentences. Mostly the friend is right. Then you nod, and four words are said in the time of one.",
    "When the friend is wrong, you say the right word yourself and go on. It stays your story, word for word. It is only told faster.",
  ],
  student: [
    "A language model writes one token at a time, a word or a piece of one, and for each it has to work through everything it has learned. That takes a while. Checking several tokens at once takes hardly longer than writing one.",
    "So somebody quicker guesses the next few: a small model, or a look at what was written before. The large model checks all guesses in one go, keeps those it would have written itself, and writes the next token on its own. Then the guessing begins again.",
  ],
  programmer: [
    "Each step asks a proposer for up to k token ids, runs the model once over the last token and the k guesses, and compares from the left. The loop ends at the first difference, and the model's own token is appended there. A pass yields between 1 and k + 1 tokens, never none.",
    "Rolling back is arithmetic: num_computed_tokens stops at the last accepted token, and what lies behind it in the cache is overwritten by the next pass. In a request it is one field, speculation: {\"depth\": 8}, and the answer's helix object says what came of it. With speculation_trace: true a stream tells every pass, which is how this page knows.",
  ],
  engineer: [
    "Decoding for one user is bound by memory: every pass reads all weights, whether it computes one position or six. Verification uses arithmetic that was idle. The gain ends where arithmetic is the limit: at large batches, with deep drafts, on small processors.",
    "If each guess is accepted with probability a, a pass of k guesses brings (1 − a^(k+1)) / (1 − a) tokens. It costs one pass over k + 1 positions and k passes of the draft model, if that guesses. Helix measures both costs when it starts and while it runs, chooses for every request and step who guesses and how deep, and pauses where plain decoding is faster.",
  ],
  researcher: [
    "A guess x drawn from q is accepted with probability min(1, p(x) / q(x)); after a rejection the token is drawn from max(p − q, 0), normalised. The output is distributed as p, and the acceptance rate of a position is one minus the total variation distance of p and q (Leviathan et al., arXiv 2211.17192; Chen et al., arXiv 2302.01318).",
    "With a seed, Helix couples instead: every draw is an argmax over log-probabilities plus Gumbel noise keyed by seed and position, shared by draft and target, and a guess is accepted when both draw it. That accepts a little less often, and makes the text a function of the seed alone, whoever drafts and however deep. Copied guesses have a one-hot q, for which comparing with the target's own draw loses nothing.",
  ],
};

export const PAGING = {
  child: [
    "A big bookshelf is shared by many children. If everybody had to keep a whole shelf free for books they may get one day, it would be full at once, and mostly empty.",
    "So books go into any free place, in small boxes, and each child has a list that says where the boxes are. Two children who read the same book share a box.",
  ],
  student: [
    "While it writes, a model keeps notes about every token so far: the KV cache. Nobody knows beforehand how long an answer becomes. Keeping room for the longest one wastes most of the memory.",
    "PagedAttention cuts the memory into blocks of a few tokens and hands them out one at a time. A list for each text, its block table, says which block comes next. The blocks need not be neighbours, as pages of a program need not be in a computer's memory.",
  ],
  programmer: [
    "Token i of a request lives in slot block_table[i // block_size] * block_size + i % block_size. Allocation pops a free list; freeing lowers a reference count. Attention reads through the table.",
    "Full blocks are found by what they hold: a dictionary from (identity of everything before, the block's tokens) to a block. A new request walks its prompt through that dictionary and begins where the run of hits ends. Who writes into a shared block gets a copy first.",
  ],
  engineer: [
    "A contiguous cache reserves the longest context for every request; with paging, what is lost is less than a block per request, and the slots of guesses that are not known to be right yet. More requests fit, so the batch is larger, so every pass of the weights serves more tokens.",
    "Blocks that nobody refers to stay findable until their place is needed, least recently used first. When memory runs out, the youngest request is preempted: its blocks go, its tokens stay, and mostly the prefix cache still has its beginning when it returns.",
  ],
  researcher: [
    "Kwon et al. (arXiv 2309.06180) measured that contiguous allocators used 20% to 38% of the cache for tokens, and less than 4% went to waste with blocks. The price is a gather: attention over non-contiguous keys. Block size trades internal fragmentation against the granularity of sharing.",
    "Draft and target share block ids, each in its own pool, so one table serves both and rejection costs nothing in either. A prefix key holds the tokens themselves beside the identity of their prefix, so a collision of hashes costs time and never shows somebody else's text; a salt separates tenants.",
  ],
};

export const BATCHING = {
  child: [
    "A bus that waits until all seats are taken, and lets nobody in before everybody has got off, is empty most of the way. A better bus lets people on and off at every stop.",
    "Helix is the better bus: each question gets on as soon as there is a seat, and gets off when it has its answer.",
  ],
  student: [
    "A computer is hardly slower when it answers several questions at once, because the model's knowledge is fetched from memory once for all of them. But answers differ in length, and if a group has to wait for its longest one, seats stay empty.",
    "With continuous batching, the group is put together anew for every token. Who is done leaves at once, and who waits takes the place.",
  ],
  programmer: [
    "There is one rule: a request is its tokens and num_computed_tokens, and a step computes what it is behind. A new prompt is behind by its whole length, a running answer by one token; both go into the same forward pass, packed one behind the other.",
    "schedule() fills a budget of tokens: answers that are being written come first, then pieces of prompts, then guesses with what is left. Nothing waits for anything but budget and blocks.",
  ],
  engineer: [
    "Prefill is bound by arithmetic, decoding by memory, so they share a pass well; but a long prompt would hold up everybody's next token. Its share of a step is therefore limited while others decode (chunked prefill).",
    "Speculation competes for the same slack as a larger batch does. The depths of all requests of a step are chosen together, by tokens per second of the whole step: as the batch grows, guesses become shallower and end by themselves.",
  ],
  researcher: [
    "Iteration-level scheduling is due to Orca (Yu et al., OSDI 2022); chunked prefill to Sarathi (arXiv 2308.16369). First come, first served with preemption from the end keeps the order of completion close to that of arrival, and nobody starves.",
    "What a request gets must not depend on who sits beside it. Draws are keyed by the request's own seed and position, and the sampler sees one row at a time; tests hold batched against lone answers, token for token, for every parameter and proposer.",
  ],
};
