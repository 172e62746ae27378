"""The writer's functions for runs, by name."""

from chassis.database import Database
from chassis.work import Function
from services.writer.clients import Planner
from services.writer.usecases import (
    approve_content,
    create_tasks,
    generate_content,
    generate_image,
    generate_image_prompts,
)


def functions(database: Database, planner: Planner) -> dict[str, Function]:
    """Return the writer's functions over its database and the planner."""
    return {
        create_tasks.NAME: create_tasks.CreateTasks(database, planner),
        generate_content.NAME: generate_content.GenerateContent(database),
        generate_image_prompts.NAME: generate_image_prompts.GenerateImagePrompts(database),
        generate_image.NAME: generate_image.GenerateImage(database),
        approve_content.NAME: approve_content.ApproveContent(database),
    }
