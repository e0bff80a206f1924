from course_hw5.cli import main

main()
