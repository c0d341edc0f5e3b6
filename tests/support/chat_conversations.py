"""Conversations of every shape that chat templates tell apart."""

import copy

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather \"now\" <at> a place & its 'surroundings'.",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "A city's name, e.g. Zürich"},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"], "default": "celsius"},
                "days": {"type": ["integer", "null"], "minimum": 0, "maximum": 18446744073709551615},
                "places": {"type": "array", "items": {"type": "object", "properties": {"lat": {"type": "number"}, "lon": {"type": "number"}}}},
            },
            "required": ["city"],
        },
        "return": {"type": "string"},
    },
}
NO_PARAMETERS = {"type": "function", "function": {"name": "ping", "description": "", "parameters": {"type": "object", "properties": {}}}}
NESTED = {
    "type": "function",
    "function": {
        "name": "book.trip",
        "description": "Books a trip.\nTwo lines.",
        "parameters": {
            "type": "object",
            "properties": {
                "traveller": {"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}, "required": ["name"]},
                "flag": {"type": "boolean"},
                "price": {"type": "number", "minimum": 0.5, "maximum": 1e22},
                "choice": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
            },
            "required": ["traveller", "flag"],
        },
    },
}
TOOLS = [WEATHER, NO_PARAMETERS, NESTED]

SYSTEM = {"role": "system", "content": "You are a helpful assistant."}
HELLO = {"role": "user", "content": "Hello, how are you?"}
FINE = {"role": "assistant", "content": "I'm fine. And you?"}
AGAIN = {"role": "user", "content": "  Fine, thanks!\n\nTell me a story.  "}
AWKWARD = "<|im_end|>\n<|im_start|>system\nÄrger “quotes” \\ \t\u0000 </s> [INST] {{ x }} {% y %} İıßΣς \U0001f600\u200d\u2028 &<>'\""


def call(arguments, **more):
    return {"id": "call00001", "type": "function", "function": {"name": "get_weather", "arguments": arguments}, **more}


def tool_conversation(arguments):
    return [
        SYSTEM,
        {"role": "user", "content": "How is the weather in Zürich?"},
        {"role": "assistant", "content": "", "tool_calls": [call(arguments)]},
        {"role": "tool", "name": "get_weather", "tool_call_id": "call00001", "content": '{"celsius": 21.5, "sky": "clear"}'},
        {"role": "assistant", "content": "It is 21.5 °C and clear."},
        {"role": "user", "content": "And tomorrow?"},
    ]


def parts(text):
    return [{"type": "text", "text": text}]


CONVERSATIONS = {
    "hello": {"messages": [HELLO]},
    "system": {"messages": [SYSTEM, HELLO]},
    "turns": {"messages": [SYSTEM, HELLO, FINE, AGAIN]},
    "turns_without_system": {"messages": [HELLO, FINE, AGAIN, FINE, HELLO]},
    "ends_with_assistant": {"messages": [HELLO, FINE], "add_generation_prompt": False},
    "no_generation_prompt": {"messages": [SYSTEM, HELLO, FINE, AGAIN], "add_generation_prompt": False},
    "awkward": {"messages": [{"role": "system", "content": AWKWARD}, {"role": "user", "content": AWKWARD}, {"role": "assistant", "content": AWKWARD},
                             {"role": "user", "content": AWKWARD}]},  # fmt: skip
    "empty": {"messages": []},
    "empty_content": {"messages": [{"role": "user", "content": ""}, {"role": "assistant", "content": ""}, {"role": "user", "content": " \n "}]},
    "no_content": {"messages": [{"role": "user", "content": None}]},
    "unknown_role": {"messages": [{"role": "nobody", "content": "?"}]},
    "developer": {"messages": [{"role": "developer", "content": "Be brief."}, HELLO]},
    "starts_with_assistant": {"messages": [FINE, HELLO]},
    "two_users": {"messages": [HELLO, AGAIN]},
    "parts": {"messages": [{"role": "user", "content": parts("Hello")}, {"role": "assistant", "content": parts("Hi")},
                           {"role": "user", "content": parts("Go on") + parts(" please")}]},  # fmt: skip
    "parts_system": {"messages": [{"role": "system", "content": parts("Be brief.")}, {"role": "user", "content": parts("Hello")}]},
    "image": {"messages": [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What is this?"}]}]},
    "image_url": {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x.png"}}, {"type": "text", "text": "?"}]}]},
    "tools": {"messages": [SYSTEM, HELLO], "tools": TOOLS},
    "tools_without_system": {"messages": [HELLO], "tools": [WEATHER]},
    "no_tools": {"messages": [HELLO], "tools": []},
    "tool_turns_text": {"messages": tool_conversation('{"city": "Zürich", "days": 2}'), "tools": TOOLS},
    "tool_turns_dict": {"messages": tool_conversation({"city": "Zürich", "days": 2, "deep": {"a": [1, 2.5, None, True]}}), "tools": TOOLS},
    "tool_turns_untold": {"messages": tool_conversation({"city": "Zürich"})},
    "tool_last": {"messages": tool_conversation({"city": "Zürich"})[:4], "tools": TOOLS},
    "tool_call_last": {"messages": tool_conversation({})[:3], "tools": TOOLS, "add_generation_prompt": False},
    "two_calls": {
        "messages": [
            HELLO,
            {"role": "assistant", "content": "Let me see.", "tool_calls": [call({"city": "A"}), call({"city": "B"}, id="call00002")]},
            {"role": "tool", "name": "get_weather", "tool_call_id": "call00001", "content": "rain"},
            {"role": "tool", "name": "get_weather", "tool_call_id": "call00002", "content": "sun"},
        ],
        "tools": TOOLS,
    },
    "thinking": {"messages": [HELLO, {"role": "assistant", "content": "<think>\nHm.\n</think>\n\nFine."}, AGAIN]},
    "reasoning": {"messages": [HELLO, {"role": "assistant", "reasoning_content": "Hm.\n", "content": "Fine."}, AGAIN]},
    "reasoning_calls": {
        "messages": [HELLO, {"role": "assistant", "reasoning_content": "I look.", "reasoning": "I look.", "thinking": "I look.", "content": None,
                             "tool_calls": [call({"city": "A"})]},
                     {"role": "tool", "name": "get_weather", "tool_call_id": "call00001", "content": "rain"}],
        "tools": [WEATHER],
    },
    "thinking_on": {"messages": [HELLO], "variables": {"enable_thinking": True, "thinking": True, "reasoning_effort": "high"}},
    "thinking_off": {"messages": [SYSTEM, HELLO], "variables": {"enable_thinking": False, "thinking": False, "reasoning_effort": "low"}},
    "documents": {"messages": [HELLO], "documents": [{"title": "A", "text": "Alpha.", "content": "Alpha."}, {"title": "B", "text": "Beta.", "content": "Beta."}]},
    "variables": {"messages": [SYSTEM, HELLO], "variables": {"builtin_tools": ["wolfram_alpha", "brave_search"], "cutting_knowledge_date": "2023-04-01",
                  "todays_date": "2024-09-03", "date_string": "26 Jul 2024", "tools_in_user_message": False, "custom_tools": [WEATHER]}},
}  # fmt: skip


def conversation(name):
    return copy.deepcopy(CONVERSATIONS[name])
